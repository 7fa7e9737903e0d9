"""How much of what is known was read, and how many packages have a verdict."""

from pkgintel import database
from pkgintel.reports.shape import Report

COUNTED = 2_000_000  # Where there are more versions they are estimated, so that asking never grows slow.


class KnownVersions(Report):
    """The versions that are known, and how many of them are read; `exact` says that they were counted."""

    known: int
    read: int
    unread: int
    exact: bool


class KnownPackages(Report):
    """The packages that are known, those that have a verdict, and those whose speaker was never certain yet."""

    known: int
    judged: int
    unread: int


def counts(conn: database.Connection) -> tuple[KnownVersions, KnownPackages]:
    """What is known now."""
    row = database.the(conn, "reports/status/known", counted=COUNTED)
    return (
        KnownVersions(known=row["read"] + row["unread"], read=row["read"], unread=row["unread"], exact=row["exact"]),
        KnownPackages(
            known=row["packages"] + row["packages_unread"], judged=row["judged"], unread=row["packages_unread"]
        ),
    )
