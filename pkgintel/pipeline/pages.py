"""The pages of a run: laid down when it is planned, taken up, done or failed. What is still to do is read from them.

Every statement of sql/pages is called here, and only here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pkgintel import database
from pkgintel.pipeline import heartbeats, runs
from pkgintel.pipeline.runs import Row, Run
from pkgintel.pipeline.states import Action, PageKind, PageState, State


@dataclass(frozen=True, slots=True)
class PagePlan:
    """A page to read; `commit` (ticks) and `count` are its newest item and its items, as far as the index says so."""

    url: str
    commit: int | None = None
    count: int | None = None
    kind: PageKind = PageKind.CATALOG

    def __str__(self) -> str:
        return self.url if self.kind is PageKind.CATALOG else f"{self.kind} {self.url}"


@dataclass(frozen=True, slots=True)
class RangePlan:
    """A range of unread leaves to read: behind what its `name` says, up to its `end`, in the order of `place`."""

    name: str
    end: str
    place: int
    kind: PageKind


class PageStart(Row):
    """A page of `run` that was taken up for the `attempts`th time, with what its plan said of it.

    `odd` says that lines of it stand, or stood, rejected.
    """

    run: Run
    attempts: int
    page_ticks: int | None
    page_count: int | None
    kind: PageKind
    page_end: str | None
    odd: bool


class PagesLeft(Row):
    """The pages of a run that are not done: how many, how often one was begun at most, the first error and its page."""

    pending: int
    failed: int
    attempts: int
    first_error: str | None


class PagedRun(Row):
    """A running run whose pages workers read."""

    id: int
    action: Action


class RejectCount(Row):
    """How many leaves the window of a run holds, and how many of them stand rejected."""

    leaves: int
    rejected: int


def add(conn: database.Connection, run_id: int, plans: Sequence[PagePlan]) -> None:
    """Lay down the pages of a run, all still to do."""
    database.run(
        conn,
        "pages/add",
        run_id=run_id,
        urls=[plan.url for plan in plans],
        ticks=[plan.commit for plan in plans],
        counts=[plan.count for plan in plans],
        kinds=[plan.kind for plan in plans],
    )


def add_ranges(conn: database.Connection, run_id: int, plans: Sequence[RangePlan]) -> None:
    """Lay down the pages of a run that reads unread leaves, all still to do."""
    database.run(
        conn,
        "pages/add_ranges",
        run_id=run_id,
        names=[plan.name for plan in plans],
        ends=[plan.end for plan in plans],
        places=[plan.place for plan in plans],
        kinds=[plan.kind for plan in plans],
    )


def carry(conn: database.Connection, run_id: int, *, after: int, floor: int) -> int:
    """Mark the pages of a run that scans over the same window, which ended badly, have done; how many."""
    return database.run(conn, "pages/carry", run_id=run_id, after=after, floor=floor)


def pending(conn: database.Connection, run_id: int) -> list[str]:
    """The pages of a run that are still to do, oldest first."""
    return [row["page_url"] for row in database.every(conn, "pages/pending", run_id=run_id)]


def sent(conn: database.Connection) -> list[PagedRun]:
    """The running runs whose pages were sent to workers: those of a task, not those that a command reads itself."""
    return [PagedRun.model_validate(row) for row in database.every(conn, "pages/sent")]


def left(conn: database.Connection, run_id: int) -> PagesLeft:
    """What is known of the pages of a run that are not done."""
    return PagesLeft.model_validate(database.the(conn, "pages/left", run_id=run_id))


def read(conn: database.Connection, root_id: int | None, behind: int) -> set[tuple[str, int]]:
    """The pages behind a commit that earlier scans of a chain have read: address and commit (both commits in ticks).

    A chain that reads a whole catalog has read twenty thousand, of which the last few can be listed again.
    """
    found = database.every(conn, "pages/read", root_id=root_id, behind=behind)
    return {(row["page_url"], row["page_ticks"]) for row in found}


def grown(conn: database.Connection) -> set[str]:
    """The pages that held newer items than the window of the last finished scan."""
    return {row["page_url"] for row in database.every(conn, "pages/grown")}


def rejected(conn: database.Connection, run_id: int) -> RejectCount:
    """How many of the leaves in the window of a run stand rejected."""
    return RejectCount.model_validate(database.the(conn, "pages/rejected", run_id=run_id))


def start(conn: database.Connection, run_id: int, url: str, every: float = heartbeats.LONGEST) -> PageStart | None:
    """Take up a page, which is a sign of life of its run; None when it is not to do any more.

    The sign of life is given where the last one is longer ago than half of `every` seconds.
    """
    row = database.one(conn, "pages/start", run_id=run_id, page_url=url, every=every / 2)
    if row is None:
        return None
    page = {name: row.pop(column) for name, column in _PAGE.items()}
    return PageStart(run=Run.model_validate(row), **page)


_PAGE = {name: name for name in ("attempts", "page_ticks", "page_count", "page_end", "odd")} | {"kind": "page_kind"}


def why_not_started(conn: database.Connection, run_id: int) -> str:
    """What there is to say of a page of run `run_id` that is not to do any more."""
    run = runs.get(conn, run_id)
    if run is None or run.state is not State.RUNNING:
        return f"run {run_id} is {run.state if run else 'gone'}: nothing to do"
    return "done already"


def progress(conn: database.Connection, run_id: int, url: str, *, wanted: int, fetched: int) -> None:
    """Write how far a page is, for the screen."""
    database.run(conn, "pages/progress", run_id=run_id, page_url=url, wanted=wanted, fetched=fetched)


def finish(
    conn: database.Connection, run_id: int, url: str, *, items: int, leaves: int, rejected: int, newest: int | None
) -> bool:
    """The page is stored, in the caller's transaction, which begins with this; False where it was done already.

    `items` are new in the window, `leaves` were fetched, some of them `rejected`. The page is locked until the
    transaction ends.
    """
    counts = {"items": items, "leaves": leaves, "rejected": rejected, "newest": newest}
    return bool(database.run(conn, "pages/finish", run_id=run_id, page_url=url, **counts))


def fail(conn: database.Connection, run_id: int, url: str, error: str, *, final: bool) -> None:
    """Write why a page is not done; `final` says that it is not tried again in this run."""
    state = PageState.FAILED if final else PageState.PENDING
    database.run(conn, "pages/fail", run_id=run_id, page_url=url, state=state, error=error)
