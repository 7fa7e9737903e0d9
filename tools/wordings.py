"""The wordings that SPDX allows in one place of a license, and headers that the list does not have."""

import itertools
import re

from pkgintel.licenses.texts.names import FSF_ADDRESSES as FSF
from pkgintel.licenses.texts.words import passage

MOST = 300

THINGS = "This program|This library|This software|This file|This package|*"
SPELLED = {"2.0": ("2", "2.0"), "2.1": ("2.1",), "3.0": ("3", "3.0")}
PAGES = (
    "http://www.gnu.org/licenses/",
    *(f"http://www.gnu.org/licenses/{page}" for page in ("gpl-3.0", "lgpl-3.0", "agpl-3.0", "gpl", "lgpl", "agpl")),
)


def gnu_header(short: str, name: str, version: str, later: bool) -> tuple[str, str, str]:
    """(id, title, text) of the notice that the licenses of GNU recommend, in the form of HEADERS."""
    full = f"GNU {name} General Public License".replace("  ", " ")
    if later:
        which = f"either version <{'|'.join(SPELLED[version])}> of the License or at your option any later version"
    else:
        which = (
            "<"
            + "|".join(
                form.format(spelled)
                for spelled in SPELLED[version]
                for form in (
                    "version {}",
                    "version {} of the License",
                    "version {} only",
                    "only version {} of the License",
                )
            )
            + ">"
        )
    where = [f"if not see {page}" for page in PAGES] + [
        f"if not write to the Free Software Foundation Inc {address}" for address in FSF
    ]
    text = (
        f"<{THINGS}> is free software you can redistribute it and or modify it under the terms of the {full} "
        f"{{{{ version <{'|'.join(SPELLED[version])}> }}}} as published by the Free Software Foundation {which} "
        f"{{{{ <{THINGS}> is distributed in the hope that it will be useful but WITHOUT ANY WARRANTY without even the "
        f"implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE See the {full} for more details }}}} "
        f"{{{{ You should have received a copy of the {full} along with <{THINGS}> <{'|'.join(where)}> }}}}"
    )
    return f"{short}-{version}-{'or-later' if later else 'only'}", f"{full} {short} version v {version}", text


# From what those who wrote the licenses recommend, with what is usually changed: <wording|wording>, {{left out}}.
HEADERS = (
    (
        "Apache-2.0",
        "apache license version 2.0",
        "Licensed under the Apache License Version 2.0 (the <License|Apache License>) you may not use <this file|these "
        "files|this software|this project|this work|this library|this code|this product|this package|this source code|"
        "this source file|any file|*> except in compliance with the License You may obtain a copy of the License at "
        "http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in writing software "
        "distributed under the License is distributed on an AS IS BASIS WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND "
        "either express or implied See the License for the specific language governing permissions and limitations "
        "under the License",
    ),
    *(
        gnu_header(short, name, version, later)
        for short, name, version in (
            ("GPL", "", "2.0"),
            ("GPL", "", "3.0"),
            ("LGPL", "Library", "2.0"),
            ("LGPL", "Lesser", "2.1"),
            ("LGPL", "Lesser", "3.0"),
            ("AGPL", "Affero", "3.0"),
        )
        for later in (True, False)
    ),
)


# Further wordings of the third clause of BSD-3-Clause that are common and mean the same.
ENDORSING = (
    "neither the name of * nor those of its contributors may",
    "neither the name of * nor the names of its contributors may",
    "neither the names of * nor the names of their contributors may",
    "neither the name * nor the names of its contributors may",
    "neither * nor the names of its contributors may",
    "neither * nor the names of any contributors may",
    "neither * nor the names of contributors may",
    "neither the name of * nor the names of its contributors nor the names of any other contributors may",
    "neither the name of * nor the name of its contributors may",
    "neither the name of * nor the names of the contributors may",
    "neither the name of * nor the names of contributors may",
    "neither the name of * nor of its contributors may",
    "the name of * may not",
    "the names of * may not",
    "neither the name of * may",
)


def wordings(match: str, original: str) -> list[str]:
    """The wordings that a pattern of the list allows, as words; `*` is a name. The original is the first."""
    if "nor" in original and "contributors" in original:
        return list(dict.fromkeys([normal(original), *(normal(text) for text in expanded(match)), *ENDORSING]))
    found = [normal(original)] if not match.startswith(".") or "_" not in original else []
    if re.fullmatch(r"\.[+*]", match):
        found.append("*")
        if match == ".*":
            found.append("")
    elif re.fullmatch(r"\.\{\d+,\d+\}", match):
        found += [normal(address) for address in FSF]
    else:
        found += [normal(text) for text in itertools.islice(expanded(match), MOST)]
    return list(dict.fromkeys(found))


def normal(text: str) -> str:
    text = "http:" + text if text.startswith("//") else text
    text = "\x01" if text == "*" else text
    return " ".join(
        word for part in re.split(r"(\x01)", text) for word in (["*"] if part == "\x01" else passage(part).words)
    )


def expanded(pattern: str) -> list[str]:
    """Every text of a pattern made of letters, `|`, groups, `?`, `.+`, `.*`, `\\s+`; a name is written \\x01."""
    texts, rest = alternatives(pattern)
    return texts if not rest else []


def alternatives(pattern: str) -> tuple[list[str], str]:
    found: list[str] = []
    while True:
        texts, pattern = sequence(pattern)
        found += texts
        if not pattern.startswith("|"):
            return found[:MOST], pattern
        pattern = pattern[1:]


def sequence(pattern: str) -> tuple[list[str], str]:
    texts = [""]
    while pattern and pattern[0] not in "|)":
        if pattern[0] == "(":
            options, pattern = alternatives(pattern[1:])
            pattern = pattern[1:]
        elif pattern[0] == "[":
            end = pattern.index("]", 2)
            options, pattern = [pattern[1]], pattern[end + 1 :]
        elif pattern.startswith((".+", ".*")):
            options, pattern = [" \x01 "], pattern[2:]
        elif pattern.startswith(("\\s+", "\\s*")):
            options, pattern = [" "], pattern[3:]
        elif pattern[0] == "\\":
            options, pattern = [pattern[1]], pattern[2:]
        else:
            options, pattern = [pattern[0]], pattern[1:]
        if pattern.startswith(("?", "*")):
            options, pattern = [*options, ""], pattern[1:]
        texts = [before + option for before in texts for option in options][:MOST]
    return texts, pattern
