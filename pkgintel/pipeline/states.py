"""The words of a run: what it fills and does, what started it, how it stands. `ops.runs` takes no other."""

from enum import StrEnum


class Source(StrEnum):
    """What a run fills a table from."""

    NUGET = "nuget"
    SPDX = "spdx"
    VERDICTS = "verdicts"
    TEXTS = "texts"


class Action(StrEnum):
    """What a run does."""

    SCAN = "scan"
    SYNC = "sync"
    CLASSIFY = "classify"
    REPLAY = "replay"
    FETCH = "fetch"
    READ = "read"


class Kind(StrEnum):
    """What started a run: its schedule, a person, or the staleness fallback."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    FALLBACK = "fallback"


class State(StrEnum):
    """How a run stands. Every list of states is one of these properties; SQL spells them out."""

    RUNNING = "running"
    DONE = "done"
    CAUGHT_UP = "caught_up"
    BLOCKED = "blocked"
    FAILED = "failed"
    LOST = "lost"
    ABORTED = "aborted"
    SKIPPED = "skipped"

    @property
    def ended(self) -> bool:
        """Whether no more of the run's work is to come."""
        return self is not State.RUNNING

    @property
    def good(self) -> bool:
        """Whether all the run had to do is stored."""
        return self in (State.DONE, State.CAUGHT_UP)

    @property
    def bad(self) -> bool:
        """Whether an operator has to look at it."""
        return self in (State.FAILED, State.LOST, State.BLOCKED)

    @property
    def resumable(self) -> bool:
        """Whether a new run can go on with what this one left undone."""
        return self.bad or self is State.ABORTED


class PageState(StrEnum):
    """How a page of a run stands."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class PageKind(StrEnum):
    """What a page of a run is: one of the catalog, what a replay treats as a page, or a host with license files."""

    CATALOG = "catalog"
    PACKAGE = "package"  # Its address is the key of the package.
    REJECTED = "rejected"  # The rejected leaves of the page at its address.
    TEXTS = "texts"  # The license files that are asked of the host it names.
    SPEAKERS = "speakers"  # Unread leaves that decide who speaks for packages behind the key that is its address.
    REST = "rest"  # Any unread leaves that lie in the blocks from the one on that is its address.
