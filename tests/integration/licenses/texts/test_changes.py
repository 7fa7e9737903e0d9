"""One change in an open text: no harmful one may leave it open, and a harmless one must."""

import html
import re
import textwrap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.license_texts import COMMON, NOTICE, meaning, written

RESTRICTIONS = (
    "This license is valid for thirty days.",
    "Government agencies are excluded.",
    "Students of Contoso University, free of charge.",
    "Free for non-commercial use.",
    "Valid until 2027.",
    "Only by individuals.",
    "A fee is due for each seat.",
    "The Software shall be used for Good, not Evil.",
    "See https://contoso.com/eula.",
    "Persons who live in Atlantis get nothing.",
    "Redistribution needs the written consent of Contoso.",
    "Evaluation Version, Internal Use Only",
    "NON-COMMERCIAL USE ONLY",
    "Use ends with your employment.",
    "For educational institutions",
)
INSERTED = (
    "not",
    "non-commercial",
    "only",
    "never",
    "until 2030",
    "in Europe",
    "academic",
    "except on servers",
    "unpaid",
)
RIGHTS = (
    "sell",
    "sublicense",
    "modify",
    "merge",
    "publish",
    "distribute",
    "copy",
    "use",
    "free of charge",
    "reproduce",
)
RIGHTS += ("perpetual", "irrevocable", "royalty free", "without restriction", "permitted", "granted", "or without")
TWINS = {"o": "о", "e": "е", "a": "а", "c": "с", "p": "р", "i": "і"}
HOLDERS = (
    *("Jane Doe", "Contoso Ltd.", "ACME Corp and contributors", "Jörg Müller <joerg@example.de>", "ploeh", "李小龙"),
    *("The Example Authors", "Stack Exchange, Inc.", ".NET Foundation and Contributors", "Иван Петров", "GitHub, Inc."),
)

texts = st.sampled_from(sorted(COMMON)).map(written)
slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@slow
@given(texts, st.sampled_from(RESTRICTIONS), st.data())
def test_a_restriction_anywhere_leaves_no_text_open(text: str, restriction: str, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(["start", "end", "paragraph", "sentence"]))
    spaces = [match.start() for match in re.finditer("\n\n" if place == "paragraph" else " ", text)]
    at = data.draw(st.sampled_from(spaces))
    changed = {
        "start": f"{restriction}\n\n{text}",
        "end": f"{text.rstrip()} {restriction}\n",
        "paragraph": f"{text[:at]}\n\n{restriction}{text[at:]}",
        "sentence": f"{text[:at]} {restriction}{text[at:]}",
    }[place]
    assert meaning(changed) != "open"


@slow
@given(texts, st.sampled_from(RESTRICTIONS), st.sampled_from([" ", ". ", ", ", " - ", " ("]))
def test_a_restriction_in_the_copyright_line_leaves_no_text_open(text: str, restriction: str, mark: str) -> None:
    assert meaning(text.replace(NOTICE, NOTICE + mark + restriction)) != "open"
    assert meaning(text.replace(NOTICE, NOTICE + mark + restriction.title())) != "open"
    assert meaning(text.replace(NOTICE, NOTICE + mark + restriction.upper())) != "open"


@slow
@given(texts, st.sampled_from(INSERTED), st.data())
def test_words_put_into_a_sentence_leave_no_text_open(text: str, words: str, data: st.DataObject) -> None:
    body = text.index("\n\n", text.index(NOTICE))
    at = data.draw(st.sampled_from([m.start() for m in re.finditer(r"(?<=\w) (?=\w)", text) if m.start() > body]))
    assert meaning(f"{text[:at]} {words}{text[at:]}") != "open"


@pytest.mark.parametrize("name", COMMON)
def test_a_right_that_is_missing_leaves_no_text_open(name: str) -> None:
    text = written(name)
    for right in RIGHTS:
        changed = re.sub(rf"\b{right}\b\s*", "", text, count=1)
        assert changed == text or meaning(changed) != "open", right


@pytest.mark.parametrize("name", COMMON)
def test_a_paragraph_that_is_missing_leaves_no_text_open(name: str) -> None:
    parts = written(name).split("\n\n")
    for number in range(2, min(len(parts), 8)):
        assert meaning("\n\n".join(parts[:number] + parts[number + 1 :])) != "open", parts[number]


@slow
@given(texts, st.sampled_from(sorted(TWINS)), st.data())
def test_a_letter_of_another_alphabet_leaves_no_text_open(text: str, letter: str, data: st.DataObject) -> None:
    body = text.index("\n\n", text.index(NOTICE))
    at = data.draw(st.sampled_from([m.start() for m in re.finditer(letter, text) if m.start() > body]))
    assert meaning(text[:at] + TWINS[letter] + text[at + 1 :]) != "open"


@pytest.mark.parametrize("name", COMMON)
def test_a_clause_before_or_behind_leaves_no_text_open(name: str) -> None:
    clause = (
        "The Software is provided to you subject to the following condition. The grant of rights under the License will"
        " not include the right to Sell the Software."
    )
    assert meaning(f"{clause}\n\n{written(name)}") != "open"
    assert meaning(f"{written(name)}\n\n{clause}") != "open"


def harmless(text: str) -> dict[str, bytes]:
    """The same license in other dress."""
    parts = [" ".join(part.split()) for part in text.split("\n\n")]
    marked = {
        mark: "\n".join(mark + line for line in text.splitlines()) for mark in ("// ", "# ", " * ", "> ", "      ")
    }
    page = "".join(f"<p>{html.escape(part)}</p>" for part in parts)
    rich = text.replace("\n", "\\par\n")
    return {
        **{f"lines with {mark!r}": changed.encode() for mark, changed in marked.items()},
        **{f"by {holder}": text.replace(NOTICE, f"Copyright (c) 1999, 2024 {holder}").encode() for holder in HOLDERS},
        "CRLF": text.replace("\n", "\r\n").encode(),
        "a byte order mark": b"\xef\xbb\xbf" + text.encode(),
        "UTF-16": text.encode("utf-16"),
        "UTF-16 without a mark": text.encode("utf-16-le"),
        "other lines": "\n\n".join(textwrap.fill(part, 50) for part in parts).encode(),
        "one line a paragraph": "\n".join(parts).encode(),
        "one line": " ".join(parts).encode(),
        "capitals": text.upper().encode(),
        "small letters": text.lower().encode(),
        "wide spaces": text.replace(" ", "  \t ").encode(),
        "a page": f"<!DOCTYPE html><html><head><title>License</title></head><body>{page}</body></html>".encode(),
        "preformatted": f"<html><body><pre>{html.escape(text)}</pre></body></html>".encode(),
        "rich text": f"{{\\rtf1\\ansi{{\\fonttbl{{\\f0 Arial;}}}}\\f0 {rich}}}".encode(),
        "no title": text.partition("\n\n")[2].encode(),
        "no notice": text.replace(NOTICE, "").encode(),
        "Markdown": f"# {text}".replace("Software", "**Software**").encode(),
        "a notice more": text.replace(NOTICE, f"{NOTICE}\nCopyright 2021 Contoso. All rights reserved.").encode(),
    }


@pytest.mark.parametrize("name", COMMON)
def test_a_harmless_change_leaves_a_text_as_it_is(name: str) -> None:
    changes = harmless(written(name))
    assert [change for change, body in changes.items() if meaning(body) != "open"] == []
