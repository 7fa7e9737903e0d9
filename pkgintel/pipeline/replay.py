"""Reading again what was read before: by package, page, time or rejection, or from what is stored with no network.

A replay is a manual run of its own beside the fleet. It goes through the same page transaction as a scan, fetches what
a scan would leave alone, and never moves the watermark.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from pkgintel import database
from pkgintel.database import events
from pkgintel.errors import GateFailed, PackageUnknown, RunFailed, SettingsError
from pkgintel.nuget import documents, instant, window
from pkgintel.nuget.documents import Event, Item
from pkgintel.pipeline import classify, page_copy, pages, reading, runs, scan, sync
from pkgintel.pipeline.page_copy import AcceptedCount, KnownPage
from pkgintel.pipeline.pages import PagePlan
from pkgintel.pipeline.runs import Row, RunPlan
from pkgintel.pipeline.states import Action, Kind, PageKind, Source, State
from pkgintel.settings import Settings
from pkgintel.text import many
from pkgintel.upstream import sources
from pkgintel.upstream.client import Client
from pkgintel.upstream.origins import CatalogAddress

BATCH = 1000
FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What to read again: exactly one of a package, a page, a time (since, until], the rejected leaves, everything."""

    package: str | None = None
    page: str | None = None
    since: str | None = None
    until: str | None = None
    rejected: bool = False
    everything: bool = False

    def check(self) -> "ReplayRequest":
        """Raises: SettingsError unless exactly one thing is asked for, and the times are times."""
        asked = [bool(self.package), bool(self.page), bool(self.since or self.until), self.rejected, self.everything]
        if sum(asked) != 1:
            raise SettingsError("Say just one of --package ID, --page URL, --since T --until T, --rejected or --all.")
        times = [moment_of(text) for text in (self.since, self.until) if text]
        if times != sorted(set(times)):
            raise SettingsError(f"--until {self.until} is not after --since {self.since}.")
        return self

    def __str__(self) -> str:
        if self.since or self.until:
            return f"{self.since or 'the beginning'} to {self.until or 'the watermark'}"
        what = "the rejected leaves" if self.rejected else "everything"
        return f"package {self.package}" if self.package else f"page {self.page}" if self.page else what


class VerdictDiff(Row):
    """A change of verdict and rule that so many packages would see, with the ids of a few of them."""

    from_verdict: str | None
    to_verdict: str
    from_rule: str | None
    to_rule: str
    packages: int
    examples: tuple[str, ...]


def moment_of(text: str) -> int:
    """The ticks of a time as a person writes it: 2026-09-30 or 2026-09-30T12:00:00Z.

    Raises: SettingsError.
    """
    try:
        return instant.written(text)
    except ValueError as error:
        raise SettingsError(f"{error}.") from None


def pages_of(
    conn: database.Connection, settings: Settings, client: Client, wanted: ReplayRequest
) -> tuple[list[PagePlan], int, int, CatalogAddress]:
    """What would be read: the pages (or what stands for them), the window of items, and the catalog's address.

    Raises: PackageUnknown, SettingsError, UpstreamUnavailable.
    """
    address = _address(conn, settings, client)
    floor, up_to = window.BEGINNING, FOREVER
    if wanted.package:
        key = documents.package_key(wanted.package)
        if not database.every(conn, "replay/package_items", package_key=key):
            raise PackageUnknown(f"No leaf of a package {wanted.package!r} is stored or rejected.")
        return [PagePlan(key, kind=PageKind.PACKAGE)], floor, up_to, address
    if wanted.rejected:
        rejected = database.every(conn, "replay/rejected_pages")
        return [PagePlan(row["page_url"], kind=PageKind.REJECTED) for row in rejected], floor, up_to, address
    if wanted.page:
        reason = address.allows(wanted.page)
        if reason:
            raise SettingsError(f"{wanted.page} is not a page of this catalog: {reason}.")
        return [PagePlan(wanted.page)], floor, up_to, address
    stored = database.one(conn, "events/watermark", source="nuget")
    if stored is None:
        raise SettingsError("Nothing is stored yet, so there is nothing to read again: pkgintel run.")
    floor = max(stored["origin_ticks"], moment_of(wanted.since) if wanted.since else floor)
    up_to = min(stored["watermark_ticks"], moment_of(wanted.until) if wanted.until else up_to)
    index = sources.fetch_index(client, address)
    # A page's stamp is its newest item, so the page that holds the end of the window may be newer than it.
    ordered = sorted((page for page in index.pages if page.commit > floor), key=lambda page: (page.commit, page.url))
    inside = [page for page in ordered if page.commit <= up_to]
    inside += [page for page in ordered if page.commit > up_to][:2]
    return [PagePlan(page.url) for page in inside], floor, up_to, address


def _address(conn: database.Connection, settings: Settings, client: Client) -> CatalogAddress:
    """Where the catalog that filled this database is, whatever the settings say.

    Raises: CatalogMismatch when the database holds the sample and the settings lead elsewhere.
    """
    row = database.one(conn, "events/name")
    if row and row["name"].startswith("http"):
        return sources.discover(client, row["name"])
    address = sources.discover(client, settings.service_index_url)
    if row:
        scan.claim(conn, scan.name_of(sources.fetch_index(client, address), settings.service_index_url))
    return address


def open_run(
    conn: database.Connection, settings: Settings, client: Client, wanted: ReplayRequest, task_id: str | None = None
) -> tuple[int, list[str]]:
    """A manual run with its pages laid down: its id and the pages, oldest first."""
    plans, floor, up_to, address = pages_of(conn, settings, client, wanted.check())
    with conn.transaction():
        run_id = runs.open_run(conn, Source.NUGET, Action.REPLAY, Kind.MANUAL, task_id=task_id)
        end = min(up_to, instant.ticks("9999-01-01T00:00:00Z"))
        runs.plan(conn, run_id, RunPlan(address, after=floor, floor=floor, up_to=end), len(plans))
        pages.add(conn, run_id, plans)
        runs.describe(conn, run_id, replay=str(wanted))
    return run_id, [plan.url for plan in plans]


def finish(conn: database.Connection, run_id: int) -> bool:
    """Close a replay whose pages are all done; False when some are still to do.

    Raises: RunFailed when a page failed.
    """
    left = pages.left(conn, run_id)
    if left.failed:
        error = f"{many(left.failed, 'page')} failed, first {left.first_error}"
        runs.end(conn, run_id, State.FAILED, error=error)
        raise RunFailed(f"Run {run_id}: {error}")
    if left.pending:
        return False
    events.resolve_superseded(conn)
    runs.end(conn, run_id, State.DONE, settled=False)
    return True


def unblock(conn: database.Connection, settings: Settings) -> str | None:
    """Look again at a scan that its gate had blocked; what became of it, or None when none is blocked."""
    blocked = runs.blocked(conn, Source.NUGET)
    if blocked is None:
        return None
    is_read = runs.require(conn, blocked).action is Action.READ
    try:
        finished = reading.finish(conn, settings, blocked) if is_read else scan.finish(conn, settings, blocked)
    except (GateFailed, RunFailed) as error:
        return f"run {blocked} stays blocked: {error}"
    if finished.state is State.BLOCKED:
        return f"run {blocked} stays blocked, for its gate is closed"
    moved = ": the watermark moved" if finished.state is State.DONE and not is_read else ""
    return f"run {blocked}, which was blocked, is {finished.state}{moved}"


def accept(conn: database.Connection, settings: Settings, why: str) -> tuple[int, str | None]:
    """Accept every open rejected leaf as it stands, for a reason that is recorded; how many, and what that freed.

    Raises: SettingsError without a reason.
    """
    if not why.strip():
        raise SettingsError('Accepting rejected leaves needs a reason, which is recorded: --why "…".')
    return len(database.every(conn, "events/accept_leaves", why=why.strip())), unblock(conn, settings)


def accept_count(
    conn: database.Connection, settings: Settings, client: Client, wanted: ReplayRequest, why: str, by: str
) -> AcceptedCount:
    """Accept that a page holds fewer items than it or the index counts, for a reason that is recorded.

    Where the page is the index itself: that it names fewer pages than it counts.

    Raises: SettingsError without a reason, or when no item is missing; UpstreamUnavailable, UpstreamChanged.
    """
    plans, _, _, address = pages_of(conn, settings, client, wanted)
    url = plans[0].url
    index = sources.fetch_index(client, address)
    if url == address.index_url:
        return page_copy.accept(conn, url, index.count or 0, len(index.pages), why=why, by=by, is_index=True)
    entry = {page.url: page for page in index.pages}.get(url)
    known = KnownPage(entry.commit, entry.count) if entry else KnownPage()
    found = page_copy.fetch(client, address, url, None, known)
    return page_copy.accept(conn, url, page_copy.promised(found, known), found.lines, why=why, by=by)


def rederive(conn: database.Connection, only: str | None, progress: Callable[[int], None]) -> tuple[int, list[str]]:
    """Make every column anew from the stored leaves, with no network: how many versions changed, what broke.

    `only` is the key of one package. Each batch is one transaction under the same locks as a page.
    """
    changed, seen, broken = 0, 0, []
    for batch in _batched(_read_again(conn, only), BATCH):
        with conn.transaction():
            changed += events.write(conn, [event for _, event in batch if isinstance(event, Event)])
        broken += [f"{row['package_id']} {row['version']}: {event}" for row, event in batch if isinstance(event, str)]
        seen += len(batch)
        progress(seen)
    database.run(conn, "replay/add_declarations", only=only)
    return changed, broken


def differing(conn: database.Connection, only: str | None) -> int:
    """How many stored versions would get another declaration if their columns were made anew. Writes nothing."""
    count = 0
    for row, event in _read_again(conn, only):
        stored = (row["license_expression"], row["license_file"], row["license_url"])
        if isinstance(event, Event):
            count += stored != (event.leaf.license_expression, event.leaf.license_file, event.leaf.license_url)
    return count


def packages_to_restore(conn: database.Connection, only: str | None = None) -> int:
    """How many packages have stored leaves and no row, which `rederive` would make again."""
    return int(database.the(conn, "replay/packages_to_restore", only=only)["packages"])


def diff(conn: database.Connection, settings: Settings, only: str | None = None) -> list[VerdictDiff]:
    """What today's rules would change in the stored verdicts. Writes nothing.

    Raises: GateFailed when no license list is stored.
    """
    found = sync.stored(conn)
    if found is None:
        raise GateFailed("spdx list is empty: run spdx.sync first.")
    spoken = classify.declarations(conn, "verdicts/all_declarations", only=only)
    with conn.transaction(force_rollback=True):
        with spoken as batches:
            classify.copy_judged(conn, found, settings, batches)
        return [VerdictDiff.model_validate(row) for row in database.every(conn, "verdicts/diff", only=only)]


def _read_again(conn: database.Connection, only: str | None) -> Iterator[tuple[database.Row, Event | str]]:
    """Every stored leaf with the event it makes today, or with why it makes none any more."""
    last = {"package_key": "", "version_key": ""}
    while rows := database.every(conn, "replay/stored_leaves", **last, only=only, limit=BATCH):
        for row in rows:
            item = Item(row["details_url"], "details", row["details_ticks"], row["package_id"], row["version"])
            try:
                yield row, documents.event(item, row["raw_bytes"] or row["raw"].encode())
            except ValueError as error:
                yield row, str(error)
        last = {name: rows[-1][name] for name in last}


def _batched(
    rows: Iterator[tuple[database.Row, Event | str]], size: int
) -> Iterator[list[tuple[database.Row, Event | str]]]:
    """`rows` in lists of `size` (itertools.batched came with Python 3.12)."""
    while batch := list(islice(rows, size)):
        yield batch
