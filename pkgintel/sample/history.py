"""The history of the sample catalog: what happened to which package version, when, in the order of its commits.

It is made from the table of facts (`sample_facts.py`) and is the same on every machine. `sample_source.py` writes it as
NuGet documents, `sample_server.py` serves them.
"""

import re
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import Literal

from pkgintel.nuget import version
from pkgintel.nuget.documents import package_key
from pkgintel.nuget.fields import Kind
from pkgintel.nuget.instant import TICKS_PER_SECOND, ticks
from pkgintel.sample.facts import DAY, SECOND_PART, Fact, draw, facts

Change = Literal["publish", "edit", "unlist", "relist", "deprecate", "undeprecate", "delete"]
Stage = Literal[1, 2]

UNLISTED = ticks("1900-01-01T00:00:00Z")
# The catalog began with all packages that were there already, up to twenty in a commit.
BEGINNING = ticks("2015-02-01T06:22:45.8488496Z")
# A real accident: one commit lies on two pages, and one of its leaves on both (NuGetGallery issue 10261).
SPLIT_COMMIT = ticks("2016-01-15T04:02:56.0470835Z")
# Another: the earlier of these two commits lies on the later page.
OVERLAPPING = (ticks("2016-01-12T22:10:41.2210437Z"), ticks("2016-01-12T22:10:43.7210437Z"))

# Changes at a moment of their own; "publish" takes a version of the table out of its drawn place.
_STORY: tuple[tuple[str, Change, str, str], ...] = (
    ("2015-02-13T09:14:02.41Z", "unlist", "AntiXSS", "4.0.1"),
    ("2015-06-03T17:20:11.0030871Z", "unlist", "Newtonsoft.Json", "4.0.1"),
    ("2016-01-12T22:10:41.2210437Z", "publish", "knockout.TypeScript.DefinitelyTyped", "0.8.7"),
    ("2016-01-12T22:10:43.7210437Z", "publish", "lodash.TypeScript.DefinitelyTyped", "3.1.4"),
    ("2016-01-15T04:02:48.3285795Z", "publish", "aws-sdk.TypeScript.DefinitelyTyped", "1.0.2"),
    ("2016-01-15T04:02:56.0470835Z", "edit", "aws-sdk.TypeScript.DefinitelyTyped", "1.0.2"),
    ("2016-01-15T04:02:56.0470835Z", "publish", "babylonjs.TypeScript.DefinitelyTyped", "1.2.1"),
    ("2016-01-15T04:02:56.0470835Z", "edit", "knockout.TypeScript.DefinitelyTyped", "0.8.7"),
    ("2016-01-15T04:02:56.0470835Z", "edit", "lodash.TypeScript.DefinitelyTyped", "3.1.4"),
    ("2017-11-02T00:32:14.5511042Z", "publish", "netstandard1.4_lib", "1.0.0-test"),
    ("2017-11-02T00:40:00.1969812Z", "delete", "netstandard1.4_lib", "1.0.0-test"),
    ("2021-08-09T02:11:09.123Z", "publish", "AWSSD\u212a.Core", "1.0.0"),
    ("2021-08-11T23:39:31.9024782Z", "delete", "AWSSD\u212a.Core", "1.0.0"),
    ("2021-08-12T08:00:00.5Z", "publish", "AWSSD\u212a.Core", "1.0.0"),
    ("2023-07-18T13:10:02.6651Z", "publish", "MySql.EntityFrameworkCore", "6.0.16+MySQL8.0.33"),
    ("2023-07-18T13:25:35.9210068Z", "delete", "MySql.EntityFrameworkCore", "6.0.16+MySQL8.0.33"),
    ("2023-07-18T13:26:57.03Z", "publish", "MySql.EntityFrameworkCore", "6.0.16+MySQL8.0.33"),
    ("2024-03-01T10:00:00Z", "unlist", "Sample.Unlisted", "1.0.0"),
    ("2024-03-01T10:00:07.25Z", "unlist", "Sample.Unlisted", "1.1.0-beta.2"),
    ("2024-03-01T10:00:19.125Z", "unlist", "Sample.Unlisted", "1.1.0"),
    ("2024-03-05T11:30:00.0000001Z", "delete", "Sample.Deleted", "1.0.0"),
    ("2024-03-05T11:30:40.7100002Z", "delete", "Sample.Deleted", "1.1.0"),
    ("2024-03-05T11:31:02.2Z", "delete", "Sample.PartlyDeleted", "2.0.0"),
    ("2024-05-01T00:31:56.117211Z", "publish", "E2E.SemVer2Prerelease", "1.0.0-alpha.1"),
    ("2024-05-01T00:31:56.117211Z", "publish", "E2E.SemVer2StableMetadata", "1.0.0+metadata"),
    ("2024-05-01T00:32:23.53162Z", "publish", "E2E.Deprecated", "1.0.0"),
    ("2024-05-01T00:33:21.6682Z", "unlist", "E2E.SemVer2Prerelease", "1.0.0-alpha.1"),
    ("2024-05-01T00:33:50.981Z", "deprecate", "E2E.Deprecated", "1.0.0"),
    ("2024-05-01T00:43:32.0512344Z", "relist", "E2E.SemVer2Prerelease", "1.0.0-alpha.1"),
    ("2024-05-01T00:44:10.77Z", "edit", "E2E.Deprecated", "1.0.0"),
    ("2024-06-11T07:00:03.2Z", "undeprecate", "E2E.Deprecated", "1.0.0"),
    # The second part begins here.
    ("2026-10-01T12:28:29.9400959Z", "unlist", "Newtonsoft.Json", "12.0.2"),
    ("2026-10-02T06:15:00.1Z", "relist", "Sample.Unlisted", "1.1.0"),
    ("2026-10-02T06:15:00.1Z", "unlist", "Serilog", "4.3.0"),
    ("2026-10-02T16:41:10.250007Z", "deprecate", "Polly.Core", "8.0.0"),
    ("2026-10-03T03:33:33.3333333Z", "delete", "Sample.PartlyDeleted", "1.0.0"),
    ("2026-10-03T03:35:01.08Z", "delete", "NuGet.Versioning", "5.0.0+42a8779499c1d1ed2488c2e6b9e2ee6ff6107766"),
    ("2026-10-04T09:09:09.99Z", "publish", "Sample.Deleted", "1.1.0"),
    ("2026-10-04T21:00:00.0000009Z", "undeprecate", "Polly.Core", "8.0.0"),
)
# Texts that the catalog gives twice come out as an array.
_GIVEN_TWICE = {
    ("dapper", "1.50.5"),
    ("castle.core", "3.3.3"),
    ("jquery.validation", "1.13.1"),
}


@dataclass(frozen=True, slots=True)
class SampleEvent:
    """One leaf of the sample catalog as plain values; all times are ticks (`instant.ticks`).

    `version` is what the leaf says: normalised, with +metadata except in a delete; `verbatim` is the author's spelling.
    `published` lies in 1900 when unlisted; in a delete it is the time of deletion. A delete declares nothing, and its
    `listed` and `deprecated` mean nothing. `early` leaves have the shape of 2015, without `listed`. `given_twice`:
    `license_url` is the first of two texts in an array.
    """

    kind: Kind
    change: Change
    package_id: str
    version: str
    verbatim: str
    commit: int
    created: int
    published: int
    edited: int
    listed: bool = False
    deprecated: bool = False
    license_expression: str | None = None
    license_file: str | None = None
    license_url: str | None = None
    early: bool = False
    given_twice: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """The package key and the version key that the event is about."""
        return package_key(self.package_id), version.parse(self.version).key

    @property
    def stage(self) -> Stage:
        """The part of the history it belongs to."""
        return 1 if self.commit < SECOND_PART else 2


def history() -> list[SampleEvent]:
    """The first part of the history, oldest first; events of one commit stand together."""
    return [event for event in _events() if event.stage == 1]


def increments() -> list[SampleEvent]:
    """The second part, all of it later than the first: new versions, new licenses, an unlist, a relist, deletes."""
    return [event for event in _events() if event.stage == 2]


@dataclass(frozen=True, slots=True)
class _Action:
    """A change to one version that wants to happen at `moment`; `exact` ones are committed at that very tick."""

    moment: int
    change: Change
    fact: Fact
    exact: bool = False


def _actions(table: list[Fact]) -> list[_Action]:
    """Everything that happens, by moment: publications, the story, and a drawn share of edits and second thoughts."""
    known = {fact.key: fact for fact in table}
    story = []
    for when, change, package, verbatim in _STORY:
        fact = known[package_key(package), version.parse(verbatim).key]
        story.append(_Action(ticks(when), change, fact, exact=True))
    own_moment = {action.fact.key for action in story if action.change == "publish" and action.moment < SECOND_PART}
    in_story = {action.fact.key for action in story}
    actions = [_Action(fact.moment, "publish", fact) for fact in table if fact.key not in own_moment]
    signing = ticks("2018-10-29T00:00:00Z")
    for fact in table:
        if fact.key in in_story or fact.moment > SECOND_PART:
            continue
        born = max(fact.moment, BEGINNING + DAY)
        days = 20 + draw(300, fact.key, "days")
        later: list[tuple[int, Change]] = []
        if fact.moment < signing and not draw(14, fact.key, "signed"):
            later.append((signing + draw(30 * DAY, fact.key, "signing"), "edit"))
        if not draw(45, fact.key, "unlist"):
            later.append((born + days * DAY, "unlist"))
            if not draw(3, fact.key, "relist"):
                later.append((born + (days + 9) * DAY, "relist"))
        elif not draw(45, fact.key, "deprecate"):
            later.append((max(born, ticks("2019-09-20T00:00:00Z")) + days * DAY, "deprecate"))
        actions += [_Action(moment, change, fact) for moment, change in later if moment < SECOND_PART - DAY]
    return sorted(actions + story, key=lambda action: (action.moment, action.fact.key))


def _commits(actions: list[_Action]) -> list[tuple[int, list[_Action]]]:
    """The actions in commits, each with its stamp: strictly rising, one to twenty items, no version twice in one."""
    old = sorted((a for a in actions if a.moment < BEGINNING), key=lambda action: action.fact.key)
    commits: list[tuple[int, list[_Action]]] = []
    for start in range(0, len(old), 20):
        stamp = BEGINNING + start * 11_693_219 if start else BEGINNING
        commits.append((stamp, old[start : start + 20]))
    rest = [action for action in actions if action.moment >= BEGINNING]
    for (exact, _, _), group in groupby(rest, key=lambda a: (a.exact, a.exact and a.moment, a.moment < SECOND_PART)):
        waiting = list(group)
        while waiting:
            size = len(waiting) if exact else (1, 1, 1, 2, 2, 3, 4, 7, 12)[draw(9, len(commits), "size")]
            batch: list[_Action] = []
            while waiting and len(batch) < size and waiting[0].fact.key not in {a.fact.key for a in batch}:
                batch.append(waiting.pop(0))
            stamp = batch[-1].moment if exact else _stamp(max(batch[-1].moment, commits[-1][0] + TICKS_PER_SECOND))
            commits.append((stamp, batch))
    return commits


def _stamp(moment: int) -> int:
    """The second of `moment` with a drawn fraction: seven digits mostly, sometimes as few as one."""
    digits = 1 + draw(6, moment, "digits") if not draw(12, moment, "short") else 7
    fraction = "".join(str(draw(10, moment, "fraction", place)) for place in range(digits - 1)) + str(
        1 + draw(9, moment, "last")
    )
    return -(-moment // TICKS_PER_SECOND) * TICKS_PER_SECOND + int(fraction.ljust(7, "0"))


@cache
def _events() -> tuple[SampleEvent, ...]:
    """Both parts of the history: each action applied to what its version was before."""
    current: dict[tuple[str, str], SampleEvent] = {}
    events = []
    for stamp, batch in _commits(_actions(facts())):
        for action in batch:
            before = current.get(action.fact.key)
            if action.change != "publish" and (before is None or before.kind == "delete"):
                continue
            event = _published(action.fact, stamp) if before is None or action.change == "publish" else before
            if action.change != "publish":
                event = _changed(event, action.change, stamp)
            current[action.fact.key] = event
            events.append(event)
    return tuple(events)


def _published(fact: Fact, stamp: int) -> SampleEvent:
    waited = (8 + draw(70, fact.key, stamp, "waited")) * TICKS_PER_SECOND
    created = (stamp - waited if fact.moment >= BEGINNING else fact.moment) // 10_000 * 10_000
    return SampleEvent(
        kind="details",
        change="publish",
        package_id=fact.package_id,
        version=_normalised(fact.verbatim),
        verbatim=fact.verbatim,
        commit=stamp,
        created=created,
        published=created,
        edited=ticks("0001-01-01T00:00:00Z") if fact.moment < BEGINNING else created + 370 * 10_000,
        listed=True,
        license_expression=fact.expression,
        license_file=fact.file,
        license_url=fact.url,
        early=stamp < ticks("2016-10-01T00:00:00Z"),
        given_twice=fact.key in _GIVEN_TWICE,
    )


def _changed(before: SampleEvent, change: Change, stamp: int) -> SampleEvent:
    listed = before.listed if change not in ("unlist", "relist") else change == "relist"
    deprecated = before.deprecated if change not in ("deprecate", "undeprecate") else change == "deprecate"
    if change == "delete":
        return SampleEvent(
            kind="delete",
            change="delete",
            package_id=before.package_id,
            version=before.version.partition("+")[0],
            verbatim=before.verbatim,
            commit=stamp,
            created=before.created,
            published=stamp - 137 * TICKS_PER_SECOND,
            edited=before.edited,
        )
    return replace(
        before,
        change=change,
        commit=stamp,
        published=before.created if listed else UNLISTED,
        edited=(stamp - 29 * TICKS_PER_SECOND) // 10_000 * 10_000,
        listed=listed,
        deprecated=deprecated,
        early=stamp < ticks("2016-10-01T00:00:00Z"),
    )


def _normalised(verbatim: str) -> str:
    """The version as the catalog writes it: its numbers normalised, labels and metadata in the author's case."""
    numbers = re.match(r"[\d.]*", verbatim)
    rest = verbatim[numbers.end() if numbers else 0 :]
    return version.parse(verbatim).key.partition("-")[0] + rest
