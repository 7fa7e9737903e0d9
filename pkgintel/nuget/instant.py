"""Time as the catalog counts it: ticks, their text, and the aware UTC time that people and Postgres get."""

import re
import time
from datetime import UTC, datetime, timedelta

# A tick is 100 nanoseconds, the finest step of the catalog's seven fractional digits; counted from 1970, UTC.
TICKS_PER_SECOND = 10_000_000
DAY = 86_400 * TICKS_PER_SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = _EPOCH.replace(tzinfo=None)
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,20}))?(?:Z|([+-])(\d\d):(\d\d))?", re.ASCII)


def ticks(text: str) -> int:
    """The ticks of a timestamp as the catalog writes it ("2015-02-01T06:22:45.8488496Z"), all seven digits kept.

    Without an offset it is UTC; digits beyond the seventh are cut off.
    Raises: ValueError for anything else.
    Source: NuGet docs "Catalog resource"; trimmed zeros and "+00:00" as seen on nuget.org.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:60]!r} is not a timestamp")
    second, fraction, sign, hours, minutes = match.groups()
    whole = datetime.fromisoformat(second) - _NAIVE_EPOCH
    seconds = whole.days * 86_400 + whole.seconds
    if sign:
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds -= offset if sign == "+" else -offset
    return seconds * TICKS_PER_SECOND + (int(fraction[:7].ljust(7, "0")) if fraction else 0)


def written(text: str) -> int:
    """The ticks of a time as a person writes it: 2026-09-30 or 2026-09-30T12:00:00Z.

    Raises: ValueError with a sentence that shows how.
    """
    try:
        return ticks(text if "T" in text else f"{text}T00:00:00Z")
    except ValueError:
        raise ValueError(f"{text!r} is no time; write 2026-09-30 or 2026-09-30T12:00:00Z, in UTC") from None


FIRST = ticks("0001-01-01T00:00:00Z")
# The last day of the year 9999 is left free, for no time zone may carry a time beyond it.
LAST = ticks("9999-12-31T00:00:00Z")


def now() -> int:
    """The ticks of this moment."""
    return time.time_ns() // 100


def latest() -> int:
    """The latest commit that can be true, in ticks: a day from now, which forgives clocks that are wrong."""
    return now() + DAY


def moment(value: int) -> datetime:
    """The aware UTC time of `value` ticks, its seventh digit cut off, never rounded up.

    Raises: ValueError before the year 1 and after 9999, where an offset can lead.
    """
    try:
        return _EPOCH + timedelta(microseconds=value // 10)
    except OverflowError:
        raise ValueError("a time before the year 1 or after the year 9999") from None


def timestamp(value: int) -> str:
    """`value` ticks as the catalog writes them: UTC, seven digits at most, trailing zeros trimmed."""
    seconds, fraction = divmod(value, TICKS_PER_SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    return f"{text}.{fraction:07d}".rstrip("0").rstrip(".") + "Z"


def iso(when: datetime | None) -> str | None:
    """A time as people and `--json` get it: ISO 8601 in UTC, as precise as it is."""
    return None if when is None else when.astimezone(UTC).isoformat().replace("+00:00", "Z")
