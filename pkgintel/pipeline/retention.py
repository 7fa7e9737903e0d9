"""Retention: what a pipeline that runs for years keeps of its past, and what goes.

Runs and changes of verdicts stay, and so does every row of raw and enriched. Every statement of sql/retention is called
here, and only here.
"""

from pkgintel import database
from pkgintel.settings import Settings

MOST = 5_000  # Rows that one statement looks at, so that it is short.


def tidy(conn: database.Connection, settings: Settings) -> list[str]:
    """Take away a part of what is older than the settings keep; says what went. Often enough, all of it goes."""
    keep = {
        "pages": settings.keep_pages,
        "texts": settings.keep_pages,
        "checks": settings.keep_checks,
        "bodies": settings.keep_bodies,
    }
    with conn.transaction():
        went = {what: database.run(conn, f"retention/{what}", keep=keep[what], most=MOST) for what in keep}
    return [f"old {what}: {count} went" for what, count in went.items() if count]
