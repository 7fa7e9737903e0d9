"""What a field of a catalog document may hold: times, kinds, addresses, ids, and texts that Postgres can keep."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from pkgintel.nuget.instant import FIRST, LAST, moment, ticks

Kind = Literal["details", "delete"]
MOST_COUNTED = 1_000_000_000
KINDS: dict[str, Kind] = {
    "nuget:PackageDetails": "details",
    "PackageDetails": "details",
    "nuget:PackageDelete": "delete",
    "PackageDelete": "delete",
}
# Bytes. An index holds an id once and a version twice; nuget.org takes no more than 128 and 64 letters.
LONGEST_URL, LONGEST_ID, LONGEST_VERSION = 2000, 1000, 500
LONGEST_DECLARATION = 10_000  # Bytes of a license expression, URL or file name; real ones stay below 500.
_NOT_HELD = re.compile("[\0\ud800-\udfff]")
# The escapes of a JSON text, from left to right: a whole surrogate pair, what cannot be held, any other.
_ESCAPE = re.compile(rb"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|\\u(?:0000|[dD][89a-fA-F]..)|\\.", re.DOTALL)


def storable(value: JsonValue) -> JsonValue:
    """`value` with U+FFFD for every NUL and lone surrogate in its texts, which Postgres cannot hold."""
    if isinstance(value, dict):
        return {_held(key): storable(member) for key, member in value.items()}
    if isinstance(value, list):
        return [storable(member) for member in value]
    return _held(value) if isinstance(value, str) else value


def _held(text: str) -> str:
    return _NOT_HELD.sub("\ufffd", text)


def is_dense(body: bytes, most: int) -> bool:
    """Whether the JSON text `body` may hold more than `most` values, so that parsing it would fill the memory.

    Commas and brackets inside of its texts count too, for real documents come nowhere near.
    """
    return len(body) > most and body.count(b",") + body.count(b"[") + body.count(b"{") > most


def storable_json(body: bytes) -> bytes:
    """The JSON text `body` with U+FFFD for every escape of a NUL or of half a surrogate pair; itself where it has none.

    Outside of its strings a JSON text holds no backslash, so nothing has to be parsed.
    """
    if b"\\u0000" not in body and b"\\ud" not in body and b"\\uD" not in body:
        return body

    def replaced(found: re.Match[bytes]) -> bytes:
        escape = found[0]
        return escape if found[1] or len(escape) == 2 else rb"\ufffd"

    return _ESCAPE.sub(replaced, body)


def _first_text(value: Any) -> Any:
    """A text that arrives as an array counts as its first text member (the catalog's writer repeats properties so)."""
    if isinstance(value, list):
        return next((member for member in value if isinstance(member, str)), None)
    return value


def _no_nul(value: Any) -> Any:
    """Texts without NUL, which Postgres cannot hold: each becomes U+FFFD."""
    value = _first_text(value)
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


def _optional(value: Any) -> Any:
    """An empty text says as little as an absent one."""
    return _no_nul(value) or None if isinstance(value, str | list) else value


def _readable(value: int) -> int:
    """Only times that every part of the pipeline can hold: after the year 1 began, before the year 9999 ends."""
    if not FIRST < value <= LAST:
        raise ValueError("a time before the year 1 or after the year 9999")
    return value


def _ticks(value: Any) -> Any:
    """A number is no time: taken for ticks, it would hide what is new behind a page that seems old."""
    value = _first_text(value)
    if isinstance(value, int | float):
        raise ValueError("a number is not a timestamp")  # noqa: TRY004 (pydantic awaits one kind of error)
    return ticks(value) if isinstance(value, str) else value


def _any_of(value: Any) -> bool:
    """Whether an object or an array says anything; what it says is not kept."""
    if value is not None and not isinstance(value, dict | list):
        raise ValueError("neither an object nor an array")
    return bool(value)


def ticks_of(value: JsonValue) -> int:
    """The ticks of a time as a document writes it. Raises: ValueError for what is no time that can be held."""
    if not isinstance(value, str):
        raise ValueError("it is not a timestamp")  # noqa: TRY004 (who reads documents awaits one kind of error)
    return _readable(ticks(value))


def _moment(value: Any) -> Any:
    value = _first_text(value)
    return moment(_readable(ticks(value))) if isinstance(value, str) else value


Ticks = Annotated[int, BeforeValidator(_ticks), AfterValidator(_readable)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]


def kind_of(value: JsonValue) -> Kind:
    """What an `@type`, a text or an array of texts, says of the event."""
    for kind in [value] if isinstance(value, str) else value if isinstance(value, list) else []:
        if isinstance(kind, str) and kind in KINDS:
            return KINDS[kind]
    raise ValueError(f"neither PackageDetails nor PackageDelete: {str(value)[:80]}")


KindOfType = Annotated[Kind, BeforeValidator(kind_of)]


def _short(most: int) -> AfterValidator:
    """At most so many bytes: what is part of a key must fit an index of Postgres, and no text may fill the memory."""

    def check(text: str | None) -> str | None:
        if text is not None and 4 * len(text) > most and len(text.encode("utf-8", "replace")) > most:
            raise ValueError(f"longer than {most} bytes")
        return text

    return AfterValidator(check)


def _holdable(text: str) -> str:
    """Texts of which Postgres can hold every letter: an address or an id is what it is, so nothing is replaced."""
    if ("\0" in text or not text.isascii()) and _NOT_HELD.search(text):
        raise ValueError("it holds a NUL or half of a surrogate pair")
    return text


def _count(value: Any) -> int:
    """A number of items; no page comes near the most that is taken, which an `integer` of Postgres holds."""
    if type(value) is not int or not 0 <= value <= MOST_COUNTED:
        raise ValueError(f"no number of items from 0 to {MOST_COUNTED:,}")
    return value


Text = Annotated[str, BeforeValidator(_no_nul), Field(min_length=1), _short(LONGEST_ID)]
VersionText = Annotated[str, BeforeValidator(_no_nul), Field(min_length=1), _short(LONGEST_VERSION)]
Url = Annotated[str, Field(min_length=1), _short(LONGEST_URL), AfterValidator(_holdable)]
ItemText = Annotated[
    str, BeforeValidator(_first_text), Field(min_length=1), _short(LONGEST_ID), AfterValidator(_holdable)
]
ItemVersion = Annotated[
    str, BeforeValidator(_first_text), Field(min_length=1), _short(LONGEST_VERSION), AfterValidator(_holdable)
]
Count = Annotated[int | None, BeforeValidator(_count)]
Said = Annotated[bool, BeforeValidator(_any_of)]
Declared = Annotated[str | None, BeforeValidator(_optional), _short(LONGEST_DECLARATION)]
OptionalText = Annotated[str | None, BeforeValidator(_optional)]
