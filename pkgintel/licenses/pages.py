"""The pages that license URLs lead to: what each is known to say, since when, until when, and says who.

The table is built from three sources, and from nothing else:

1. `urls.csv` beside this file: facts looked up by people, each with its source and date. They replace what the other
   sources say of a page.
2. `seeAlso` of the SPDX list in hand. Left out are files in a source repository, unless pinned to a commit or a
   revision, and addresses that point into a page (`…#L15`): the whole page says more than the part they mean.
3. Sites that name their pages by SPDX id: spdx.org, choosealicense.com, opensource.org, creativecommons.org.

Most pages can be changed by somebody, and each row says by its nature how far that matters (see NATURES). A file on a
branch of a project is not in the table; what its history shows is in `dated`. A project's own page is in the table only
where all its known answers agree on open or closed, and then lists them all. A redirector, whose target is exchanged
without a trace, decides only for the time in which somebody independent read what it led to; where its witnesses
disagree, or none is dated, it decides nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, TypeAlias, cast

from pkgintel.licenses import facts, urls
from pkgintel.licenses.spdx import LicenseList

Nature: TypeAlias = Literal["steward", "dead", "pinned", "dated", "live", "redirector"]
Claim: TypeAlias = Literal["closed", "derive", "undecided"]

NATURES: dict[Nature, str] = {
    "steward": "the page of a license's steward, or an encyclopaedia's article about one license: it may be edited, "
    "and goes on naming the license of its address",
    "dead": "a page of a host that was shut down, so it cannot change any more",
    "pinned": "a file at a commit, whose id is a digest of it, or at a release tag whose commit is named in the row",
    "dated": "a page or a file that its owner can change, with the time for which it was read",
    "live": "a page of a vendor or a project, which its owner can change: known by the answers listed",
    "redirector": "a link whose owner decides where it leads",
}

_CC_ID = re.compile(r"cc-(by[a-z-]*)-(\d\.\d)(?:-([a-z]{2,3}))?")
# The newest state of a file in a source repository, as its web pages show it, and what fixes one state of it.
_TIP = re.compile(r"^(?:c?git|gitweb|svnweb|trac|source)\.|/(?:c?git|svn|trac|trunk|head|master|main)[/?]|[?&;]hb=head")
_FIXED = re.compile(r"[0-9a-f]{40}|\brevision=\d|\b(?:h|hb|rev)=[a-z_-]*\d")
_STEWARDS = frozenset((
    "apache.org", "boost.org", "choosealicense.com", "creativecommons.org", "eclipse.org", "fsf.org", "gnu.org",
    "mozilla.org", "openldap.org", "opensource.org", "php.net", "postgresql.org", "python.org", "spdx.org",
    "unicode.org", "unlicense.org", "w3.org",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class History:
    """What was read of a file in a repository: on `ref`, a branch or a commit, at these commits, oldest first.

    `ended` says why the time that is known ends: the history that was read ends, other terms follow (changed), or no
    file does (gone). It is empty where that time has no end.
    """

    repository: str
    file: str
    ref: str
    commits: tuple[str, ...]
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one page says from `since` up to `until` (UTC, `until` exclusive; None: without a beginning or an end).

    `licenses` are SPDX expressions, each of which the page may stand for. `meaning`: derive (from what its licenses
    mean), closed (terms without an SPDX id), or undecided (witnesses contradict each other, or none is dated).
    """

    key: str
    url: str
    licenses: tuple[str, ...]
    meaning: Claim
    source: str
    date: str = ""
    note: str = ""
    nature: Nature = "live"
    since: datetime | None = None
    until: datetime | None = None
    history: History | None = None

    def holds(self, created: datetime | None) -> bool:
        """Whether this is what the page said when a version was created; of an undated one only if it always did."""
        if created is None:
            return self.since is None and self.until is None
        return (self.since is None or created >= self.since) and (self.until is None or created < self.until)


Table: TypeAlias = Mapping[str, Sequence[Entry]]


@cache
def curated() -> tuple[Entry, ...]:
    """The rows of urls.csv in file order."""
    return tuple(
        Entry(
            urls.read(row["url"]).key,
            row["url"],
            tuple(part.strip() for part in row["licenses"].split("|")),
            cast("Claim", row["meaning"]),  # A test holds every row to the words of both.
            row["source"],
            row["date"],
            row["note"],
            cast("Nature", row["nature"]),
            day(row["from"]),
            day(row["until"]),
        )
        for row in facts.rows("urls")
    )


def day(text: str) -> datetime | None:
    """The midnight in UTC with which a day of a table begins; None where it names none."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def table(license_list: LicenseList, stated: Iterable[Entry] | None = None) -> Table:
    """What is known of every page by its key: the same table for any order of the list's licenses and of the facts.

    Raises: ValueError when two facts are about one page at one time: what holds must not depend on their order.
    """
    by_page: dict[str, list[Entry]] = defaultdict(list)
    for fact in curated() if stated is None else stated:
        by_page[fact.key].append(fact)
    return MappingProxyType(_from_list(license_list) | {key: _in_time(entries) for key, entries in by_page.items()})


def _in_time(entries: list[Entry]) -> tuple[Entry, ...]:
    beginning, end = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    ordered = sorted(entries, key=lambda entry: (entry.since or beginning, entry.until or end, entry.url))
    for earlier, later in pairwise(ordered):
        if (earlier.until or end) > (later.since or beginning):
            raise ValueError(f"two facts are about {earlier.key} at one time: {earlier.url} and {later.url}")
    return tuple(ordered)


def _from_list(license_list: LicenseList) -> dict[str, tuple[Entry, ...]]:
    seen: dict[str, tuple[set[str], set[str], set[str]]] = defaultdict(lambda: (set(), set(), set()))
    kinds: dict[str, urls.Kind] = {}
    for license_id, url, source in sorted(_listed(license_list)):
        address = urls.read(url)
        if address.key and address.kind in {"page", "pinned-file"} and "#" not in url and not _is_tip(address.key):
            kinds[address.key] = address.kind
            for said, new in zip(seen[address.key], (license_id, url, source), strict=True):
                said.add(new)
    return {
        key: (
            Entry(
                key,
                min(pages),
                tuple(sorted(ids)),
                "derive",
                "; ".join(sorted(sources)),
                nature=_nature(key, kinds[key]),
            ),
        )
        for key, (ids, pages, sources) in seen.items()
    }


def _is_tip(key: str) -> bool:
    return bool(_TIP.search(key)) and not _FIXED.search(key)


def _nature(key: str, kind: urls.Kind) -> Nature:
    if kind == "pinned-file":
        return "pinned"
    return "steward" if key.split("/")[0] in _STEWARDS else "live"


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
