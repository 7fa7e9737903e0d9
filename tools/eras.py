"""Which terms a file may have shown at which time: a history of revisions in, eras out. Pure.

The dates in a commit are what somebody's clock said, and a commit is published some time after it is made. So a
revision is not given a date but a span: it may have been shown from `earliest` on, and was certainly shown from
`latest` on, until the next one. An era holds where every revision that may have been shown then was read as open.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal, TypeAlias

Ended: TypeAlias = Literal["history", "changed", "gone"]
DAY = timedelta(days=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit that touched a file: its span of dates (UTC), and what the file then said.

    `blob` is the id of the file's bytes, empty where the commit took it away; `terms` are the licenses that were read
    in it, an SPDX expression, empty where none was read as open.
    """

    commit: str
    earliest: datetime
    latest: datetime
    blob: str
    terms: str


@dataclass(frozen=True, slots=True)
class Era:
    """From `since` up to `until` (midnights in UTC, `until` exclusive) the file showed one of `revisions`, all open.

    `ended`: the history that was read ends there (history), other terms follow (changed), or no file does (gone).
    """

    since: datetime
    until: datetime
    ended: Ended
    revisions: tuple[Revision, ...]

    @property
    def licenses(self) -> tuple[str, ...]:
        return tuple(sorted({revision.terms for revision in self.revisions}))


def eras(history: Sequence[Revision], end: datetime) -> list[Era]:
    """The eras of a file from its revisions, oldest first, and the day up to which its history was read."""
    last = _midnight(end)
    days = {last}
    for revision in history:
        days |= {_midnight(revision.earliest), _midnight(revision.latest, up=True)}
    ordered = sorted(day for day in days if day <= last)
    found: list[Era] = []
    for since, until in pairwise(ordered):
        shown = _may_show(history, since)
        if not shown or any(not revision.terms for revision in shown):
            continue
        if found and found[-1].until == since and found[-1].licenses == tuple(sorted({one.terms for one in shown})):
            before = found.pop()
            shown, since = list(dict.fromkeys([*before.revisions, *shown])), before.since
        found.append(Era(since, until, _ended(history, until, last), tuple(shown)))
    return found


def spans(dates: Sequence[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """The earliest and the latest moment of each commit of a line, oldest first, from (author's, committer's) dates.

    A commit cannot be older than the one before it, nor younger than the one behind it; where dates say so, one of
    them is wrong, and both moments make room for it.
    """
    behind, least = [], datetime.max.replace(tzinfo=UTC)
    for _, committed in reversed(dates):
        least = min(least, committed)
        behind.append(least)
    most = _NEVER
    for (authored, committed), soonest in zip(dates, reversed(behind), strict=True):
        most = max(most, committed)
        yield min(authored, soonest), max(authored, most)


def _may_show(history: Sequence[Revision], day: datetime) -> list[Revision]:
    """The revisions that the file may have shown during a day; none where it may not have been there yet."""
    if not history or _midnight(history[0].latest, up=True) > day:
        return []
    shown = []
    for index, revision in enumerate(history):
        begun = _midnight(revision.earliest) <= day
        over = index + 1 < len(history) and _midnight(history[index + 1].latest, up=True) <= day
        if begun and not over:
            shown.append(revision)
    return shown


def _ended(history: Sequence[Revision], until: datetime, last: datetime) -> Ended:
    if until >= last:
        return "history"
    return "gone" if any(not revision.blob for revision in _may_show(history, until)) else "changed"


def _midnight(moment: datetime, *, up: bool = False) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + DAY if up and day < moment else day
