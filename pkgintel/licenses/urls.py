"""License URLs: one way to write each address, and the table that says what the known ones mean.

The table is built from three sources, and from nothing else:

1. `urls.csv` beside this file: facts looked up by people, each with its source and date. A row replaces what
   the other sources say of the same page.
2. `seeAlso` of the SPDX list in hand. Left out are files in a source repository, unless pinned to a commit, and
   addresses that point into a page (`…#L15`): the whole page says more than the part they mean.
3. Sites that name their pages by SPDX id: spdx.org, choosealicense.com, opensource.org, creativecommons.org.

A page whose owner can change what it says, above all a file on a branch of a project, is not in the table. A file at a
commit cannot change, for the commit's id is a digest of it (ten digits of the id name one commit of a repository), and
package users pin release tags, which in practice stay put: such a file may be in the CSV once somebody read its text
there, with the commit that the tag led to. License pages of stewards (apache.org, gnu.org) keep the meaning of an
address; so do dead ones (CodePlex). A project's own page is in the CSV only where all its known answers agree on open
or closed, and then lists them all; where they are known to disagree, the row says so and decides nothing.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from pkgintel.licenses.spdx import LicenseList

Kind: TypeAlias = Literal[
    "page",  # any other address
    "expression",  # licenses.nuget.org/EXPRESSION
    "license-in-file",  # aka.ms/deprecateLicenseUrl
    "gallery",  # a package's own page on nuget.org
    "project",  # a project's front page on a code host
    "project-file",  # a file on a branch or tag of a project
    "pinned-file",  # a file at a commit, by its whole id or the first ten digits of it
    "placeholder",  # a template's text that nobody replaced
    "not-a-url",
]

MAX_LENGTH = 2_000  # characters
CSV_FILE = Path(__file__).with_name("urls.csv")

_TWIN = re.compile(r"(?:/|\.(?:html?|txt|php|md))+$")
_COMMIT = re.compile(r"[0-9a-f]{10,40}")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")
_PLACEHOLDER = re.compile(
    r"license_?url|delete_?this|your_?license|someurl|^example\.|\.example(\.|$)|\.(test|invalid|localhost)$"
)
_TRACKING = re.compile(r"utm_\w+|clcid|fbclid|gclid|_ga")
_GNU_LANGUAGE = re.compile(r"(?:-standalone)?(?:\.[a-z]{2}(?:-[a-z]{2})?)?$")
_CC_DEED = re.compile(r"/(?:legalcode|deed)(?:\.[a-z-]+)?$")
_CC_ID = re.compile(r"cc-(by[a-z-]*)-(\d\.\d)(?:-([a-z]{2,3}))?")
_CODE_HOST = re.compile(
    r"(?:.+\.)?(?:gitlab\.[a-z.-]+|gitlab\.com|bitbucket\.org|sourceforge\.net|codeberg\.org|gitee\.com)"
)
_GITHUB_RAW = frozenset({"raw.githubusercontent.com", "raw.github.com", "raw2.github.com"})


@dataclass(frozen=True, slots=True)
class Address:
    """A URL as the table knows it. `key` is empty for what is not a URL; `expression` is set for that kind only."""

    kind: Kind
    key: str = ""
    expression: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One page of the table. `licenses` are SPDX expressions, each of which the page may stand for."""

    key: str
    url: str
    licenses: tuple[str, ...]
    # derive: from what its licenses mean; undecided: witnesses contradict each other.
    meaning: Literal["closed", "derive", "undecided"]
    source: str
    date: str = ""
    note: str = ""


def read(url: str) -> Address:
    """What kind of address a text is, and its key: equal for two spellings of one page. Never raises.

    Made equal: scheme, `www.`, case, default ports, trailing slash, fragment, percent-encoding, the .html/.htm/.txt/
    .php/.md twins, a query's order and tracking parts, raw and blob addresses of one GitHub file.
    """
    text = url.strip()
    if not text or len(text) > MAX_LENGTH or _FORBIDDEN.search(text):
        return Address("not-a-url")
    if "://" not in text and re.match(r"[a-z0-9-]+(\.[a-z0-9-]+)+(/|$)", text, re.IGNORECASE):
        text = "http://" + text
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return Address("not-a-url")
    scheme = parts.scheme.lower()
    if scheme not in {"http", "https", "ftp"} or not host or " " in host:
        return Address("not-a-url")
    host = host.removeprefix("www.")
    if "." not in host or _PLACEHOLDER.search(host):
        return Address("placeholder")
    if port not in {None, 80, 443}:
        host = f"{host}:{port}"
    return _address(host if scheme != "ftp" else f"ftp://{host}", parts.path, parts.query)


def _address(host: str, path: str, query: str) -> Address:
    """Rules of single hosts first, then what holds for every page."""
    exact = re.sub(r"/{2,}", "/", unquote(path, errors="replace")).strip("/")
    path = exact.lower()
    if host == "licenses.nuget.org":
        return Address("expression", f"{host}/{path}", exact.strip()) if exact.strip() else Address("page", host)
    if host == "aka.ms" and path == "deprecatelicenseurl":
        return Address("license-in-file", f"{host}/{path}")
    if host == "nuget.org" and path.startswith("packages/"):
        return Address("gallery", f"{host}/{path}")
    if host == "github.com" or host in _GITHUB_RAW:
        return _github(host, path)
    if _CODE_HOST.fullmatch(host) and path.count("/") >= 1:
        pinned = any(_COMMIT.fullmatch(part) for part in path.split("/"))
        return Address("pinned-file" if pinned else "project-file", f"{host}/{path}")
    if host.endswith(".mit-license.org"):  # Everybody's name in front of the same text.
        host, path = "mit-license.org", ""
    pairs = sorted((key.lower(), value.lower()) for key, value in parse_qsl(query.replace("&amp;", "&")))
    if host == "go.microsoft.com":
        path = "fwlink" if path in {"fwlink", "fwlink/p"} else path
        pairs = [(key, value.strip()) for key, value in pairs if key == "linkid"]
    path = _TWIN.sub("", path)
    if host == "gnu.org":
        path = _GNU_LANGUAGE.sub("", path)
    elif host == "creativecommons.org":
        path = _CC_DEED.sub("", path)
    kept = "&".join(f"{key}={value}" for key, value in pairs if not _TRACKING.fullmatch(key))
    return Address("page", f"{host}/{path}".rstrip("/") + (f"?{kept}" if kept else ""))


def _github(host: str, path: str) -> Address:
    """raw.githubusercontent.com/O/R/REF/FILE and github.com/O/R/{raw,blob}/REF/FILE are one address."""
    parts = path.split("/")
    if host in _GITHUB_RAW:
        parts.insert(2, "blob")
    if len(parts) < 5 or parts[2] not in {"blob", "raw"}:
        return Address("project", "/".join(["github.com", *parts]).rstrip("/"))
    if parts[3:5] == ["refs", "tags"]:
        del parts[3:5]
    key = "/".join(["github.com", *parts[:2], "blob", *parts[3:]])
    return Address("pinned-file" if len(parts) > 3 and _COMMIT.fullmatch(parts[3]) else "project-file", key)


@cache
def curated() -> tuple[Entry, ...]:
    """The rows of urls.csv in file order."""
    with CSV_FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Entry(
                read(row["url"]).key,
                row["url"],
                tuple(part.strip() for part in row["licenses"].split("|")),
                row["meaning"],  # type: ignore[arg-type]  # A test holds every row to the three words.
                row["source"],
                row["date"],
                row["note"] or "",
            )
            for row in csv.DictReader(file)
        )


def table(license_list: LicenseList, facts: Iterable[Entry] | None = None) -> Mapping[str, Entry]:
    """Every known page by its key: the same table for any order of the list's licenses and of the facts.

    Raises: ValueError when two facts are about one page: which of them holds must not depend on their order.
    """
    seen: dict[str, tuple[set[str], set[str], set[str]]] = defaultdict(lambda: (set(), set(), set()))
    for license_id, url, source in sorted(_listed(license_list)):
        address = read(url)
        if address.key and address.kind in {"page", "pinned-file"} and "#" not in url:
            ids, urls, sources = seen[address.key]
            ids.add(license_id)
            urls.add(url)
            sources.add(source)
    entries = {
        key: Entry(key, min(urls), tuple(sorted(ids)), "derive", "; ".join(sorted(sources)))
        for key, (ids, urls, sources) in seen.items()
    }
    stated: dict[str, Entry] = {}
    for fact in curated() if facts is None else facts:
        if stated.setdefault(fact.key, fact) is not fact:
            raise ValueError(f"two facts are about {fact.key}: {stated[fact.key].url} and {fact.url}")
    return MappingProxyType(entries | stated)


def _listed(license_list: LicenseList) -> Iterable[tuple[str, str, str]]:
    """(license id, URL, source) of every page that the list itself names or implies."""
    for license_ in license_list.licenses.values():
        name, lower = license_.license_id, license_.license_id.lower()
        for url in license_.see_also:
            yield name, url, "seeAlso of the SPDX list"
        yield name, f"https://spdx.org/licenses/{name}.html", "spdx.org names its pages by SPDX id"
        yield name, f"https://choosealicense.com/licenses/{lower}/", "choosealicense.com names its pages by SPDX id"
        if license_.is_osi_approved:
            for page in (f"licenses/{name}", f"license/{name}", f"license/{lower.replace('.', '-')}"):
                yield name, f"https://opensource.org/{page}", "opensource.org names its pages by SPDX id"
        if match := _CC_ID.fullmatch(lower):
            terms, version, country = match.groups()
            page = f"{terms}/{version}" + (f"/{country}" if country else "")
            yield name, f"https://creativecommons.org/licenses/{page}/", "creativecommons.org names its pages by terms"
