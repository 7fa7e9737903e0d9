"""What `pkgintel reprocess` did, or would do, as types; `--json` prints their fields in the order they have here."""

from pkgintel.pipeline.replay import VerdictDiff
from pkgintel.reports.shape import Report


class Classified(Report):
    """What the classification that follows did: packages decided, and verdicts that changed."""

    decided: int
    verdicts_changed: int


class WouldAccept(Report):
    """How many rejected leaves would be accepted as they stand."""

    would_accept: int


class AcceptedLeaves(Report):
    """How many rejected leaves were accepted, why, and what became of a scan that they had blocked."""

    accepted: int
    why: str
    unblocked: str | None
    decided: int
    verdicts_changed: int


class WouldChange(Report):
    """What today's rules would change in the stored verdicts, how many versions would get another declaration, and how
    many packages would get the row again that they have lost.
    """

    would_change: tuple[VerdictDiff, ...]
    versions_with_another_declaration: int
    packages_to_restore: int


class ReadFromRaw(Report):
    """How many versions were changed by reading the stored leaves again, and which of them break."""

    versions_changed: int
    not_readable: tuple[str, ...]
    decided: int
    verdicts_changed: int


class MissingItems(Report):
    """How many promised items of a page were accepted as missing, or would be; nothing where that was not asked."""

    accepted_as_missing: int | None = None
    would_be_accepted_as_missing: int | None = None
    items: int | None = None
    why: str | None = None


class WouldRead(MissingItems):
    """How many pages would be read, and the first five of them."""

    pages_that_would_be_read: int
    first_of_them: str


class ReadPages(MissingItems):
    """The run that read pages again, what it stored, and what followed."""

    run: int
    pages: int
    leaves: int
    changed: int
    rejected: int
    unblocked: str | None
    decided: int
    verdicts_changed: int
