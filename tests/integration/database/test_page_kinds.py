"""Pages of replays that an earlier release named by a prefix are of a kind after its database was opened."""

from pkgintel import database
from pkgintel.database import migrations
from pkgintel.pipeline import pages, runs
from pkgintel.pipeline.states import Action, Kind, PageKind, Source
from pkgintel.reports.runs import shown

NAMES = ["https://catalog.test/page0.json", "package a", "rejected https://catalog.test/page0.json"]


def test_pages_that_were_named_by_a_prefix_get_their_kind(conn: database.Connection) -> None:
    run_id = runs.open_run(conn, Source.NUGET, Action.REPLAY, Kind.MANUAL)
    other = runs.open_run(conn, Source.NUGET, Action.REPLAY, Kind.MANUAL)
    conn.execute("ALTER TABLE ops.run_pages DROP COLUMN kind")
    for owner, name in ((run_id, NAMES[0]), (run_id, NAMES[1]), (other, NAMES[2])):
        conn.execute("INSERT INTO ops.run_pages (run_id, page_url) VALUES (%s, %s)", (owner, name))
    conn.execute(dict(migrations.files())[11].read_bytes())
    rows = conn.execute("SELECT kind, page_url FROM ops.run_pages ORDER BY run_id, page_url").fetchall()
    assert [tuple(row.values()) for row in rows] == [
        ("package", "a"),
        ("catalog", NAMES[0]),
        ("rejected", NAMES[0]),
    ]
    start = pages.start(conn, other, NAMES[0])
    assert start is not None
    assert start.kind is PageKind.REJECTED
    listed = {page.page_url for run in (run_id, other) for page in shown(conn, run).pages}
    assert listed == set(NAMES), "as it was always shown"
