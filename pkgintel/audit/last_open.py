"""The last open version below one that breaches, and the range of versions that stays with its license.

Nothing is claimed across a version that was not read: the two neighbours of a range's end both were.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pkgintel.audit.answer import Answer
from pkgintel.audit.lookup import Lookup
from pkgintel.audit.package import Package
from pkgintel.audit.report import LastOpen
from pkgintel.audit.store import Key, KnownVersion
from pkgintel.nuget import version
from pkgintel.text import many

_MOST_UNREAD = 64  # Of one package, read for this.
Known = TypeVar("Known")


def unread_below(package: Package, known: Sequence[KnownVersion]) -> list[Key]:
    """The versions that have to be read before anything is said of the package: the nearest below that stand unread."""
    below = _below(package, [(one.version, one) for one in known])
    unread = [text for text, one in below if one.declaration is None]
    return [(package.package_key, version.parse(text).key) for text in unread[-_MOST_UNREAD:]]


def of_stored(lookup: Lookup, package: Package, known: Sequence[KnownVersion]) -> LastOpen | None:
    """By the versions that the catalog brought, each of which is known."""
    below = _below(package, [(one.version, one) for one in known])

    unread: str | None = None
    for place in range(len(below) - 1, -1, -1):
        one = below[place][1]
        if one.declaration is None:
            unread = one.version
            continue
        found = lookup.judged(one.declaration, one.created, "database", "", one.hand)
        if found.verdict == "open_source":
            if unread is not None:
                return LastOpen(one.version, found.license, None, f"{unread} above it is not read")
            ends = below[place + 1][0] if place + 1 < len(below) else str(package.version)
            return LastOpen(one.version, found.license, f"[{one.version},{ends})")
    return None


def of_source(lookup: Lookup, packages: Sequence[Package], audited: int) -> dict[tuple[str, str], LastOpen]:
    """By the source's own lists of versions; about ten documents for each package.

    All together take less than a tenth of what `audited` versions took, or a few where those are few; the first
    packages go first. What is kept of the source counts like what it is asked for, so a later audit says the same.
    """
    found: dict[tuple[str, str], LastOpen] = {}
    purse = _Purse(max(audited // 12, 40 - audited // 8))
    for place, package in enumerate(packages):
        if purse.is_empty:
            left = many(len(packages) - place, "version")
            lookup.trouble.append(f"no open version was looked for below {left}, to spare the source the requests")
            break
        listed = lookup.versions(package.package_key)
        if listed is None:
            continue
        purse.left -= 1
        below = [text for text, _ in _below(package, [(text, text) for text in listed])]
        last = _searched(lookup, package, below, purse)
        if last is not None:
            found[package.key] = last
    return found


@dataclass
class _Purse:
    """How many documents of the source may still be read."""

    left: int

    @property
    def is_empty(self) -> bool:
        return self.left <= 0


def _searched(lookup: Lookup, package: Package, below: Sequence[str], purse: _Purse) -> LastOpen | None:
    """Steps down by 1, 2, 4 … versions until one is open, then halves the distance to the next that is not."""
    known: dict[int, Answer | None] = {}

    def is_open(place: int) -> bool:
        if place not in known:
            known[place] = _asked(lookup, package, below[place], purse)
        found = known[place]
        return found is not None and found.verdict == "open_source"

    above, step = len(below), 1
    place = above - 1
    while place >= 0 and not is_open(place):
        above, place = place, place - step
        step *= 2
    if place < 0:
        place = 0
        if not below or above == 0 or not is_open(0):
            return None
    while above - place > 1:
        middle = (above + place) // 2
        if is_open(middle):
            place = middle
        else:
            above = middle
    if above < len(below) and known[above] is None:
        return None  # The neighbour was not read, so nobody knows whether it is still open.
    ends = below[above] if above < len(below) else str(package.version)
    answer = known[place]
    return LastOpen(below[place], answer.license if answer is not None else None, f"[{below[place]},{ends})")


def _asked(lookup: Lookup, package: Package, text: str, purse: _Purse) -> Answer | None:
    """The answer for a version; None where there is none, or the purse is empty."""
    if purse.is_empty:
        return None
    key = (package.package_key, version.parse(text).key)
    one = Package(key[0], key[1], package.package_id, text, None, None, "unknown", ())
    found = lookup.answers([one], lambda _: None)[key]
    if found.source != "database":
        purse.left -= 1
    return None if found.verdict in ("not_looked_up", "not_found") else found


def _below(package: Package, versions: Sequence[tuple[str, Known]]) -> list[tuple[str, Known]]:
    """Those lower than the package's version, in order; prereleases only where it is one itself."""
    own = version.parse(str(package.version))
    found = []
    for text, one in versions:
        try:
            read = version.parse(text)
        except ValueError:
            continue
        if read.order < own.order and (own.is_prerelease or not read.is_prerelease):
            found.append((read.order, text, one))
    return [(text, one) for _, text, one in sorted(found, key=lambda entry: entry[0])]
