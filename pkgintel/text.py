"""How times and foreign texts are written on the screen."""

import re
import shlex
from datetime import UTC, datetime

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
# Control characters, and the marks that turn the direction of writing or end a line.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def minute(when: datetime | None) -> str:
    """A time as the screen has it: to the minute, in UTC."""
    return "never" if when is None else when.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "minutes")


def day(when: datetime | None) -> str:
    """The day of a time, in UTC."""
    return "never" if when is None else when.astimezone(UTC).date().isoformat()


def span(seconds: float) -> str:
    """A length of time in its largest unit that leaves at least two of it: "90 s", "12 min", "5 h", "3 d"."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def ago(seconds: float | None) -> str:
    """How long ago something was."""
    return "never" if seconds is None else f"{span(seconds)} ago"


def many(number: int, one: str, more: str = "") -> str:
    """So many of something: "1 page", "1,309 pages"; `more` is the plural where an s does not make it."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def cell(text: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula: one that could be begins with an apostrophe.

    Numbers stay what they are. Source: OWASP "CSV Injection".
    """
    return "'" + text if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def plain(text: object, limit: int = 1_000) -> str:
    """A text of foreign making that may be printed: no control characters, no surrogates, of bounded length."""
    shown = _CONTROL.sub(" ", str(text)[: limit + 1]).encode("utf-8", "replace").decode()
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def quoted(text: str) -> str:
    """A text as one word of a command that a person may copy into a shell."""
    return shlex.quote(plain(text))


def visible(text: str) -> str:
    """A text as a terminal or a log may have it: line ends stay, other control characters are blanks.

    The doors to both send everything through here; what comes from strangers is `plain` before that, so that it stays
    on its line.
    """
    return "\n".join(_CONTROL.sub(" ", line) for line in text.split("\n")).encode("utf-8", "replace").decode()
