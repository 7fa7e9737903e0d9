"""The stored license texts: those that no license explains, by how many packages speak by them, and one of them."""

from pkgintel import database
from pkgintel.errors import SettingsError
from pkgintel.reports.shape import Moment, Report


class QueuedText(Report):
    """A text that waits for a person's review. `expression` is the nearest license, empty where none is near."""

    sha256: str
    size: int
    status: str
    expression: str
    similarity: float
    packages: int
    examples: tuple[str, ...]
    owners: int
    accepted: bool


class StoredText(Report):
    """A stored text with its newest reading, which a text that nobody has read yet does not have."""

    sha256: str
    media_type: str | None
    first_seen: Moment
    status: str | None
    expression: str | None
    method: str | None
    similarity: float | None
    reader: str | None
    list_version: str | None
    why: str | None
    places: tuple[str, ...]


def queue(conn: database.Connection, most: int) -> tuple[QueuedText, ...]:
    """The texts to review, those of most packages first."""
    return tuple(QueuedText(**row) for row in database.every(conn, "texts/queue", most=most))


def text(conn: database.Connection, digits: str) -> tuple[StoredText, bytes]:
    """The text whose sha256 begins with `digits`, and its bytes. Raises: SettingsError unless exactly one does."""
    rows = database.every(conn, "texts/one", digits=digits.lower())
    if len(rows) != 1 or not digits:
        found = "several texts have" if rows else "no stored text has"
        raise SettingsError(f"{found[:1].upper()}{found[1:]} a sha256 that begins so: `pkgintel texts list` has them.")
    row = dict(rows[0])
    body = bytes(row.pop("bytes"))
    return StoredText(**row), body
