"""`pkgintel reprocess`: replays and re-decisions by hand, in this process, through the same functions as the tasks."""

import getpass
import sys
from collections.abc import Sequence

import click

from pkgintel import database
from pkgintel.cli.screen import emit, say
from pkgintel.database import migrations
from pkgintel.pipeline import follow_up, page, replay, replay_here
from pkgintel.pipeline.page_write import PageResult
from pkgintel.pipeline.replay import ReplayRequest, VerdictDiff
from pkgintel.pipeline.replay_here import ReplayOptions
from pkgintel.pipeline.states import Source
from pkgintel.reports.replays import (
    AcceptedLeaves,
    Classified,
    MissingItems,
    ReadFromRaw,
    ReadPages,
    WouldAccept,
    WouldChange,
    WouldRead,
)
from pkgintel.reports.shape import Report
from pkgintel.runtime import process
from pkgintel.runtime.process import Process
from pkgintel.text import many


@click.command("reprocess")
@click.option("--package", metavar="ID", help="One package: the leaves held of it, and its rejected ones.")
@click.option("--page", "page_url", metavar="URL", help="One page of the catalog, every item of it.")
@click.option("--since", metavar="TIME", help="Events after this time (UTC), up to --until or the watermark.")
@click.option("--until", metavar="TIME", help="Events up to this time (UTC).")
@click.option("--rejected", is_flag=True, help="The rejected leaves that nobody has resolved.")
@click.option("--all", "everything", is_flag=True, help="Everything that is stored.")
@click.option("--from-raw", is_flag=True, help="Use the stored leaves, no network (with --all or --package).")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--accept", is_flag=True, help="With --rejected: accept that these leaves cannot be fetched.")
@click.option("--accept-count", is_flag=True, help="With --page: take it although it has fewer items than counted.")
@click.option("--why", metavar="TEXT", default="", help="With --accept or --accept-count: the reason, recorded.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def command(
    package: str | None,
    page_url: str | None,
    since: str | None,
    until: str | None,
    rejected: bool,
    everything: bool,
    from_raw: bool,
    dry_run: bool,
    accept: bool,
    accept_count: bool,
    why: str,
    as_json: bool,
) -> None:
    """Runs beside the fleet as a manual run and never moves the watermark. Before a rule change goes live, see what it
    would do: pkgintel reprocess --all --from-raw --dry-run
    """
    wanted = ReplayRequest(package, page_url, since, until, rejected, everything).check()
    ReplayOptions(from_raw, dry_run, accept, accept_count, why).check(wanted)
    mine = process.current()
    with database.connect(mine.deployment.database_url) as conn:
        migrations.require_schema(conn)
        missing, to_read = MissingItems(), True
        if accept_count:
            missing, to_read = _accept_count(conn, mine, wanted, why, dry_run=dry_run)
        result: Report = missing
        if not to_read:
            _say("The next scan takes the index as it is.")
        elif accept:
            result = _accept(conn, mine, why, dry_run=dry_run)
        elif from_raw:
            result = _from_raw(conn, mine, package, dry_run=dry_run)
        else:
            result = _fetch(conn, mine, wanted, missing, dry_run=dry_run)
    _show(result, as_json=as_json)


def _say(text: str) -> None:
    say(text, err=True)


def _accept(conn: database.Connection, mine: Process, why: str, *, dry_run: bool) -> WouldAccept | AcceptedLeaves:
    if dry_run:
        return WouldAccept(would_accept=sum(row["leaves"] for row in database.every(conn, "replay/rejected_pages")))
    count, freed = replay.accept(conn, mine.deployment, why)
    return _follow_up(conn, mine, None).within(AcceptedLeaves, accepted=count, why=why, unblocked=freed)


def _accept_count(
    conn: database.Connection, mine: Process, wanted: ReplayRequest, why: str, *, dry_run: bool
) -> tuple[MissingItems, bool]:
    """What the page holds and should hold, accepted; and whether it is read afterwards, which the index is not."""
    with conn.transaction(force_rollback=dry_run):
        count = replay.accept_count(conn, mine.deployment, mine.client, wanted, why, getpass.getuser())
    missing = count.promised - count.items
    if dry_run:
        found = MissingItems(would_be_accepted_as_missing=missing, items=count.items, why=count.why)
    else:
        found = MissingItems(accepted_as_missing=missing, items=count.items, why=count.why)
    return found, not count.is_index


def _from_raw(
    conn: database.Connection, mine: Process, package: str | None, *, dry_run: bool
) -> WouldChange | ReadFromRaw:
    key = replay_here.known_key(conn, package)
    if dry_run:
        return WouldChange(
            would_change=tuple(replay.diff(conn, mine.deployment, key)),
            versions_with_another_declaration=replay.differing(conn, key),
            packages_to_restore=replay.packages_to_restore(conn, key),
        )
    changed, broken = replay.rederive(conn, key, lambda seen: _say(f"{many(seen, 'version')} read again"))
    freed = replay.unblock(conn, mine.deployment)
    if freed:
        _say(freed)
    return _follow_up(conn, mine, None).within(ReadFromRaw, versions_changed=changed, not_readable=broken)


def _fetch(
    conn: database.Connection, mine: Process, wanted: ReplayRequest, missing: MissingItems, *, dry_run: bool
) -> WouldRead | ReadPages:
    if dry_run:
        plans, *_ = replay.pages_of(conn, mine.deployment, mine.client, wanted)
        first = ", ".join(map(str, plans[:5]))
        return missing.within(WouldRead, pages_that_would_be_read=len(plans), first_of_them=first)
    run_id, urls = replay.open_run(conn, mine.deployment, mine.client, wanted)
    counts = _read(conn, mine, run_id, urls)
    freed = replay.unblock(conn, mine.deployment)
    done = _follow_up(conn, mine, run_id)
    return missing.within(
        ReadPages,
        run=run_id,
        pages=len(urls),
        leaves=counts.leaves,
        changed=counts.changed,
        rejected=counts.rejected,
        unblocked=freed,
        decided=done.decided,
        verdicts_changed=done.verdicts_changed,
    )


def _read(conn: database.Connection, mine: Process, run_id: int, urls: Sequence[str]) -> PageResult:
    """Read the pages of a run one after the other and close it; their counts together."""
    leaves = changed = rejected = 0
    for number, url in enumerate(urls, 1):
        try:
            stored = page.store_page(mine.database, mine.deployment, mine.client, mine.leasing, run_id, url)
        except Exception as error:
            page.record_failure(mine.database, run_id, url, error, final=True)
            replay.finish(conn, run_id)
            raise
        leaves, changed, rejected = leaves + stored.leaves, changed + stored.changed, rejected + stored.rejected
        _say(f"page {number} of {len(urls)}: {many(stored.leaves, 'leaf', 'leaves')}, {stored.rejected} rejected")
    replay.finish(conn, run_id)
    return PageResult(leaves, changed, rejected)


def _follow_up(conn: database.Connection, mine: Process, run_id: int | None) -> Classified:
    done = follow_up.perform(mine.database, conn, mine.deployment, Source.NUGET, run_id)
    return Classified(decided=done.decided, verdicts_changed=done.changed)


def _show(result: Report, *, as_json: bool) -> None:
    if as_json:
        emit(result.as_json())
        return
    for name, value in result.as_json().items():
        if value not in (None, []) and name != "would_change":
            say(f"{name.replace('_', ' ')}: {value}")
    if isinstance(result, WouldChange):
        _show_changes(result.would_change)
    sys.stdout.flush()


def _show_changes(changes: Sequence[VerdictDiff]) -> None:
    say(f"verdicts that would change: {sum(change.packages for change in changes):,}")
    for change in changes:
        before = f"{change.from_verdict or 'none'} ({change.from_rule or '-'})"
        after = f"{change.to_verdict} ({change.to_rule})"
        say(f"  {change.packages:>8,}  {before} → {after}  {', '.join(change.examples)}")
