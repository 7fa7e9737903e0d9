"""Catalog histories for property tests: every oddity that the real catalog was seen with, made up by Hypothesis."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from hypothesis import strategies as st

from tests.support.catalogs import Catalog, delete, details
from tests.support.oracle import Event

SECOND = 10**7
HOUR = 3600 * SECOND

IDS = ("Alpha", "ALPHA", "alpha", "Beta.Core", "Kilo", "\u212ailo")
VERSIONS = ("1.0.0", "1.0", "1.0.0+build.7", "1.0.0-Beta.2", "1.0.0-beta.10", "2.0.0.1", "2.0.0-rc", "02.0", "0.9.0")
DECLARATIONS: tuple[dict[str, Any], ...] = (
    {},
    {"licenseExpression": "MIT", "licenseUrl": "https://licenses.nuget.org/MIT"},
    {"licenseUrl": ["http://example.org/a", "http://example.org/b"]},
    {"licenseFile": "LICENSE", "licenseUrl": "https://aka.ms/deprecateLicenseUrl"},
    {"listed": False, "published": "1900-01-01T00:00:00Z"},
    {"listed": None, "published": "1900-01-01T00:00:00Z"},
    {"listed": None},
    {"deprecation": {"reasons": ["Legacy"]}, "projectUrl": ""},
)
DELETES = 3  # To each eight details.
LEAVES = len(IDS) * len(VERSIONS) * (len(DECLARATIONS) + DELETES) * 10  # Different ones, each with a digit in its name.
CLOSE = (0, 1, 9, 10, 7 * 10**6, SECOND)  # Ticks from one commit to the next.
FAR = (*CLOSE, 600 * SECOND, 5 * HOUR)


class History:
    """Waves; each wave is a list of (page, events) that become visible together, one pair after the other."""

    def __init__(self, waves: list[list[tuple[str, list[Event]]]]) -> None:
        self.waves = waves

    def __repr__(self) -> str:
        lines = [[f"{where}: {', '.join(map(repr, events))}" for where, events in wave] for wave in self.waves]
        return "".join("\n  wave\n    " + "\n    ".join(wave) for wave in lines) + "\n"


@st.composite
def leaves(draw: st.DrawFn, commit: int, serial: Iterator[int]) -> list[Event]:
    """One commit: a few leaves, rarely two of one version."""
    made = {}
    for _ in range(draw(st.integers(1, 3))):
        # One number for all that a leaf is: drawing each part alone takes most of a history's time.
        rest, package = divmod(draw(st.integers(0, LEAVES - 1)), len(IDS))
        rest, version = divmod(rest, len(VERSIONS))
        digit, said = divmod(rest, len(DECLARATIONS) + DELETES)
        name = f"{digit}{next(serial)}"
        if said < len(DECLARATIONS):
            event = details(IDS[package], VERSIONS[version], commit, name=name, **DECLARATIONS[said])
        else:
            event = delete(IDS[package], VERSIONS[version], commit, name=name)
        made[event.url] = event
    return list(made.values())


@st.composite
def histories(draw: st.DrawFn, steps: tuple[int, ...]) -> History:
    """Commits go on pages in order, but for the accidents of the real catalog: a commit that lies on the next page
    although it is older, one that is split over two pages, a leaf listed on both.
    """
    commit, number, serial = 0, 0, count()
    groups: list[tuple[str, list[Event]]] = []
    held: list[Event] = []
    held_at = 0
    for _ in range(draw(st.integers(1, 8))):
        commit += draw(st.sampled_from(steps))
        if held and commit - held_at > 2 * SECOND:  # Pages overlap by seconds, not by hours.
            number += 1
            groups.append((f"page{number}", held))
            held = []
        events = draw(leaves(commit, serial))
        accident = draw(st.sampled_from(("none", "none", "next page", "split", "twice", "overlap")))
        if accident == "next page":
            number += 1
        if accident == "overlap" and not held:
            held, held_at = events, commit  # Comes on the page after the next commits.
            continue
        if accident in ("split", "twice"):
            half = len(events) // 2 + (accident == "twice")
            groups.append((f"page{number}", events[:half]))
            number += 1
            groups.append((f"page{number}", events[half - (accident == "twice") :]))
        else:
            groups.append((f"page{number}", events))
        if held and bool(draw(st.booleans())):
            number += 1
            groups.append((f"page{number}", held))
            held = []
    groups.append((f"page{number + 1}", held))
    groups = whole_stamps(groups)
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(groups) - 1)), max_size=3)))
    return History([groups[start:end] for start, end in zip([0, *cuts], [*cuts, len(groups)], strict=True)])


def whole_stamps(groups: list[tuple[str, list[Event]]]) -> list[tuple[str, list[Event]]]:
    """A page is written once for all its items of one stamp: only over two pages is half a commit ever seen."""
    joined: list[tuple[str, list[Event]]] = []
    for where, events in groups:
        if joined and events and joined[-1][0] == where and joined[-1][1][-1].commit == events[0].commit:
            joined[-1][1].extend(events)
        elif events:
            joined.append((where, list(events)))
    return joined


def grow(catalog: Catalog, groups: list[tuple[str, list[Event]]]) -> None:
    for where, events in groups:
        catalog.add(where, *events)
