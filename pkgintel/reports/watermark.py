"""Up to where the catalog is stored, what operators decided about that, and the pages taken with items missing."""

from pydantic import Field

from pkgintel import database
from pkgintel.reports.shape import Moment, Report


class Reset(Report):
    """A watermark that an operator brought back."""

    reset_at: Moment
    reset_by: str
    from_: Moment = Field(alias="from")
    to: Moment
    origin_from: Moment | None
    origin_to: Moment | None
    why: str


class AcceptedCount(Report):
    """A page that is taken although it has fewer items than it promised."""

    page_url: str
    promised: int
    items: int
    why: str
    accepted_by: str
    accepted_at: Moment


class Watermark(Report):
    """The watermark of a source. `watermark`, `origin` and `moved_at` are None while nothing is stored."""

    source: str
    watermark: Moment | None
    origin: Moment | None
    moved_at: Moment | None
    resets: tuple[Reset, ...]
    accepted_counts: tuple[AcceptedCount, ...]


def shown(conn: database.Connection, source: str) -> Watermark:
    """The watermark, where the database began, every reset, and the pages that are taken with items missing."""
    nothing = {"source": source, "watermark": None, "origin": None, "moved_at": None}
    return Watermark(
        **database.one(conn, "events/shown_watermark", source=source) or nothing,
        resets=tuple(Reset(**row) for row in database.every(conn, "events/resets", source=source)),
        accepted_counts=tuple(AcceptedCount(**row) for row in database.every(conn, "events/accepted_counts")),
    )
