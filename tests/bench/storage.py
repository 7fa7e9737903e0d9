"""What stays of heavy change: how tables and indexes grow over ten ticks, and what pages that delete cost others."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pkgintel import database
from pkgintel.database import announcements, events
from pkgintel.nuget import window
from pkgintel.nuget.documents import Event, Item
from pkgintel.nuget.fields import Kind
from tests.bench.report import Report
from tests.bench.world import World

PART = "storage"
TICKS = 10
LATER = 10_000_000_000  # Ticks of a commit from one tick to the next.
READ = ("raw.read_versions", "raw.nuget_packages")
UNREAD = ("raw.unread_versions", "raw.unread_packages")
Pages = Sequence[Sequence[Event]]


def bloat(report: Report, home: World, pages: Pages) -> None:
    """Every version changes in each of ten ticks; vacuumed when a server with PostgreSQL's own settings would do so."""
    settings = home.settings("http://127.0.0.1:9/v3.json")
    with database.connect(settings.database_url) as conn:
        first = _changed(conn, UNREAD, lambda tick: _announce(conn, pages, tick))
        note = f"{first[2]} vacuums; {first[3]:.0f} B a version at first"
        report.add(PART, "known and unread: table after ten ticks of change in all", first[0], "×", note, show=True)
        report.add(PART, "… its indexes", first[1], "×", show=True)
        conn.execute("TRUNCATE raw.unread_versions, raw.unread_packages")
        read = _changed(conn, READ, lambda tick: _write(conn, pages, tick))
        note = f"{read[2]} vacuums; {read[3]:.0f} B a version at first"
        report.add(PART, "read: versions and packages after ten ticks of change in all", read[0], "×", note, show=True)
        report.add(PART, "… their indexes", read[1], "×", show=True)
        _beside(report, settings.database_url, pages)
    home.drop(settings)


def _changed(
    conn: database.Connection, tables: Sequence[str], change: Callable[[int], None]
) -> tuple[float, float, int, float]:
    """By how much tables and indexes grew, how often they were vacuumed meanwhile, and bytes a version at first."""
    change(0)
    for table in tables:
        conn.execute(f"VACUUM (FULL, ANALYZE) {table}".encode())
    tables_before, indexes_before = _sizes(conn, tables)
    vacuums = 0
    for tick in range(1, TICKS + 1):
        change(tick)
        conn.execute("SELECT pg_stat_force_next_flush()")
        for table in tables:
            if _is_due(conn, table):
                conn.execute(f"VACUUM ANALYZE {table}".encode())
                vacuums += 1
    tables_after, indexes_after = _sizes(conn, tables)
    row = conn.execute(f"SELECT count(*) AS n FROM {tables[0]}".encode()).fetchone() or {"n": 1}  # noqa: S608
    each = (tables_before + indexes_before) / row["n"]
    return tables_after / tables_before, indexes_after / indexes_before, vacuums, each


def _sizes(conn: database.Connection, tables: Sequence[str]) -> tuple[int, int]:
    query = """SELECT sum(pg_table_size(t))::bigint AS tables, sum(pg_indexes_size(t))::bigint AS indexes
               FROM unnest(%s::text[]::regclass[]) AS t"""
    row = conn.execute(query, ([*tables],)).fetchone()
    assert row is not None
    return row["tables"], row["indexes"]


def _is_due(conn: database.Connection, table: str) -> bool:
    """Whether autovacuum would take the table next (50 dead rows and a fifth of the living)."""
    query = """SELECT n_dead_tup > current_setting('autovacuum_vacuum_threshold')::int
                      + current_setting('autovacuum_vacuum_scale_factor')::float8 * n_live_tup AS due
               FROM pg_stat_user_tables WHERE relid = %s::regclass"""
    row = conn.execute(query, (table,)).fetchone()
    return bool(row and row["due"])


def _write(conn: database.Connection, pages: Pages, tick: int) -> None:
    for one in pages:
        later = [replace(event, commit=event.commit + tick * LATER, url=f"{event.url}?{tick}") for event in one]
        with conn.transaction():
            events.write(conn, later)


def _items(page: Sequence[Event], tick: int, kind: Kind = "details") -> list[Item]:
    return [
        Item(f"{one.url}?{tick}", kind, one.commit + tick * LATER, one.leaf.package_id, one.leaf.version)
        for one in page
    ]


def _announce(conn: database.Connection, pages: Pages, tick: int) -> None:
    for one in pages:
        with conn.transaction():
            announcements.know(conn, announcements.newest(_items(one, tick))[0], window.BEGINNING)


def _beside(report: Report, url: str, pages: Pages) -> None:
    """Pages that four writers make known where all is read: as they are, and with one delete of a read version each."""
    plain = _side_by_side(url, [_items(one, TICKS + 1) for one in pages])
    deleting = [[*_items(one[1:], TICKS + 2), *_items(one[:1], TICKS + 2, "delete")] for one in pages]
    report.add(PART, "pages of 550 made known where all is read, four writers", plain * 1000, "ms each", show=True)
    alone = _side_by_side(url, deleting)
    report.add(
        PART, "… each of which deletes a version that was read", alone / plain, "×", "they take turns", show=True
    )


def _side_by_side(url: str, pages: Sequence[list[Item]]) -> float:
    """Seconds for each page, when four writers share them."""
    left = [*pages]

    def work() -> None:
        with database.connect(url) as conn:
            while left:
                found: list[Any] = announcements.newest(left.pop())[0]
                with conn.transaction():
                    announcements.know(conn, found, window.BEGINNING)

    begun = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return (time.perf_counter() - begun) / len(pages)
