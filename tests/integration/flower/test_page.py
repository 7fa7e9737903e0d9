"""The page Pipeline in a real Flower: empty, healthy, broken, behind its password."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pkgintel import database
from pkgintel.flower import drawing
from pkgintel.flower import page as pages
from pkgintel.flower.doors import doors
from pkgintel.pipeline import gate, runs
from pkgintel.pipeline.checks import ASSETS
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.reports.history import CheckValue
from pkgintel.reports.totals import VerdictPoint
from pkgintel.runtime import deployment
from pkgintel.settings import Settings
from tests.support.flowers import Start, plain_environment
from tests.support.patience import quick
from tests.support.waiting import until

pytestmark = pytest.mark.processes

NOWHERE = "postgresql://nobody:secret@127.0.0.1:1/none"


def fill(conn: database.Connection, settings: Settings) -> None:
    """All fresh and passed, three points of verdict history, changes of both kinds, and a scan in progress."""
    for source, action in (
        (Source.SPDX, Action.SYNC),
        (Source.NUGET, Action.SCAN),
        (Source.VERDICTS, Action.CLASSIFY),
    ):
        run_id = runs.open_run(conn, source, action, Kind.MANUAL)
        runs.end(conn, run_id, State.DONE)
    conn.execute(
        """
        INSERT INTO raw.spdx_licenses (license_id, name, is_osi_approved, is_deprecated, list_version, raw)
        SELECT 'L' || n, 'L', true, false, '3.27', '{}' FROM generate_series(1, 120) n;
        INSERT INTO raw.nuget_packages (package_key, package_id, latest_version, state, commit_ticks, declaration)
        SELECT 'p' || n, 'P' || n, '1.0.0', 'listed', 1, raw.declaration('MIT', NULL, NULL)
        FROM generate_series(1, 50) n;
        INSERT INTO enriched.nuget_package_oss_status (package_key, package_id, verdict, rule, reason, evidence,
            judged_version, spdx_list_version, ruleset, policy, declaration, source_commit_timestamp)
        SELECT package_key, package_id, CASE WHEN package_key < 'p3' THEN 'open_source' ELSE 'unknown' END, 'r', 'r',
            '{}', '1.0.0', '3.27', 1, 'osi', declaration, commit_timestamp FROM raw.nuget_packages;
        INSERT INTO ops.runs (source, kind, action, state, started_at, finished_at, settled_at, detail)
        SELECT 'verdicts', 'manual', 'classify', 'done', at, at, at,
            jsonb_build_object('verdicts', jsonb_build_object('open_source', n, 'proprietary', 10, 'unknown', 50 - n))
        FROM (VALUES (10, now() - interval '9 days'), (30, now() - interval '5 days'),
                     (20, now() - interval '1 hour')) AS past (n, at);
        INSERT INTO ops.catalog (name) VALUES ('sample');
        INSERT INTO enriched.verdict_changes (package_key, package_id, from_verdict, to_verdict, cause)
        VALUES ('p1', 'P1', 'unknown', 'proprietary', 'declaration'), ('p2', 'P2', 'open_source', NULL, 'deleted');
        INSERT INTO enriched.license_id_changes (package_key, package_id, from_version, to_version, from_verdict,
            to_verdict, from_rule, to_rule, from_ids, to_ids, from_declaration, to_declaration, sort_key, released_at)
        VALUES ('some', 'Some.Company.With.A.Long.Name.Extensions.DependencyInjection.Abstractions',
                '8.5.2-preview.20251001.3+build.77', '9.0.0', 'open_source', 'proprietary', 'r', 'r',
                '{MIT,Apache-2.0,BSD-3-Clause}', '{}', '{}', '{}', '', now());
        """
    )
    for name in ASSETS:
        gate.record(conn, gate.measure(conn, settings, name), None)
    running = runs.open_run(conn, Source.NUGET, Action.SCAN, Kind.MANUAL)
    urls = [f"https://catalog.test/page{number}.json" for number in range(8)]
    database.run(
        conn, "pages/add", run_id=running, urls=urls, ticks=list(range(8)), counts=[None] * 8, kinds=["catalog"] * 8
    )
    conn.execute("UPDATE ops.runs SET pages_total = 8 WHERE id = %s", (running,))
    for page in urls[:5]:
        database.run(conn, "pages/finish", run_id=running, page_url=page, items=9, leaves=9, rejected=0, newest=1)


def read_texts(conn: database.Connection) -> None:
    """A run that asked for license files, and ended well."""
    runs.end(conn, runs.open_run(conn, Source.TEXTS, Action.FETCH, Kind.MANUAL), State.DONE)


def spoil(conn: database.Connection, settings: Settings) -> None:
    """A closed gate, a failed scan, and markup where a foreign text stands."""
    conn.execute("DELETE FROM raw.spdx_licenses WHERE license_id > 'L2'")
    conn.execute(
        "UPDATE ops.runs SET finished_at = now() - interval '2 days' WHERE state = 'done' AND source = 'nuget'"
    )
    for name in ASSETS:
        gate.record(conn, gate.measure(conn, settings, name), None)
    conn.execute("UPDATE ops.run_pages SET state = 'failed', error = '503' WHERE page_url LIKE '%%page6%%'")
    row = conn.execute("SELECT id FROM ops.runs WHERE state = 'running'").fetchone()
    assert row is not None
    runs.end(conn, row["id"], State.FAILED, error="1 of 8 pages failed: <script>alert(1)</script>")


def badges(page: str) -> dict[str, str]:
    """The state of each asset's card."""
    return dict(re.findall(r'data-asset="(\w+)" data-state="(\w+)"', page))


def test_empty_healthy_broken_and_down(settings: Settings, conn: database.Connection, flower: Start) -> None:
    served = flower(settings)

    def page() -> str:
        pipeline_status, body = served.get("/pipeline")
        assert pipeline_status == 200
        assert "Traceback" not in body
        return body

    empty = page()
    assert set(badges(empty).values()) == {"never"}
    assert "Nothing was ever stored here" in empty
    assert "Nothing has run yet" in empty
    assert "No check has run yet" in empty
    assert 'badge_ warn"' not in empty, "what is to do is said once"
    assert re.search(r'<a class="nav-link active"\s+href="/pipeline"', empty)
    assert 'href="/pipeline"' in served.get("/tasks")[1]
    assert "Run now" not in empty, "for nobody was asked who he is"
    assert served.get("/pipeline/run-now/nuget")[0] == served.ask("/pipeline/abort/1", form={})[0] == 403

    fill(conn, settings)
    read_texts(conn)
    until(lambda: "fresh" in badges(page()).values(), "the page sees what was stored")
    healthy = page()
    assert set(badges(healthy).values()) == {"fresh"}
    assert "5 of 8 pages done" in healthy
    assert 'data-points="3"' in healthy
    assert healthy.count('data-change="license"') == 1
    assert healthy.count('data-change="verdict"') == 2
    assert "– → –" not in healthy, "a change of a verdict has no versions"
    assert "updating" in healthy
    assert "0 */6 * * *" in healthy
    assert "No worker answers, and nothing gets done" in healthy, "while a scan is in progress"

    conn.execute("UPDATE ops.runs SET heartbeat_at = now() - interval '10 minutes' WHERE state = 'running'")
    lost = until(lambda: "run lost" in (text := page()) and text, "the page sees that nobody is at work")
    assert "updating" not in lost
    assert "stands still" in lost

    spoil(conn, settings)
    until(lambda: "blocked" in badges(page()).values(), "the page sees the gate")
    broken = page()
    assert badges(broken) == {
        "raw_nuget_packages": "stale",
        "raw_spdx_licenses": "blocked",
        "raw_license_texts": "fresh",
        "enriched_nuget_package_oss_status": "blocked",
    }
    assert "at least 100" in broken
    assert "<script>alert" not in broken
    assert "&lt;script&gt;alert" in broken

    conn.execute("DELETE FROM public.pkgintel_migrations WHERE number = 3")
    until(lambda: "The schema is behind" in page(), "the page says what to do")
    assert "pkgintel_up 0.0" in until(
        lambda: "pkgintel_up 0.0" in (text := served.get("/metrics")[1]) and text, "the metrics say so too"
    )


def test_without_postgres_and_redis_the_page_is_a_sentence(flower: Start) -> None:
    served = flower(quick(NOWHERE))
    code, page = served.get("/pipeline")
    assert code == 200
    assert "Postgres cannot be reached at 127.0.0.1:1/none" in page
    assert "secret" not in page
    code, text = served.get("/metrics")
    assert code == 200
    assert "pkgintel_up 0.0" in text
    assert "pkgintel_broker_up 0.0" in text


def test_the_page_asks_for_flowers_password(settings: Settings, flower: Start) -> None:
    served = flower(settings, FLOWER_BASIC_AUTH="ann:secret", FLOWER_URL_PREFIX="flower")
    for path in ("/flower/pipeline", "/flower/tasks", "/flower/metrics"):
        assert served.get(path)[0] == 401
        assert served.get(path, "ann:wrong")[0] == 401
        assert served.get(path, "ann:secret")[0] == 200
    assert 'href="/flower/pipeline"' in served.get("/flower/pipeline", "ann:secret")[1]
    text = served.get("/flower/metrics", "ann:secret")[1]
    assert "pkgintel_up 1.0" in text
    assert "flower_events_total" in text


@pytest.mark.parametrize(
    ("address", "pairs", "auth", "expected"),
    [
        ("", None, "", ("127.0.0.1", [])),
        ("localhost", None, "", ("localhost", [])),
        ("::1", [""], "", ("::1", [])),
        ("0.0.0.0", ["ann:secret"], "", ("0.0.0.0", ["ann:secret"])),
        ("0.0.0.0", None, ".*@example.com", ("0.0.0.0", [])),
        ("0.0.0.0", None, "", "would listen on 0.0.0.0"),
        ("::", [""], "", "would listen on ::"),
        ("no.such.host.invalid", None, "", "would listen on"),
        ("0.0.0.0", ["ann:"], "", "must be name:password"),
        ("127.0.0.1", ["ann"], "", "must be name:password"),
    ],
)
def test_nobody_listens_wider_without_a_password(
    address: str, pairs: list[str] | None, auth: str, expected: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    if not isinstance(expected, str):
        assert doors(address, pairs, auth) == expected
        return
    with pytest.raises(SystemExit) as end:
        doors(address, pairs, auth)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1


def test_flower_itself_refuses(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "pkgintel", "flower", "--address=0.0.0.0", "--port=0"],
        env={**plain_environment(), **deployment.environment(settings)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "would listen on 0.0.0.0" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("given", "kept"), [("", 20_000), ("500", 500)])
def test_flower_keeps_no_more_tasks_than_its_memory_is_for(
    monkeypatch: pytest.MonkeyPatch, given: str, kept: int
) -> None:
    monkeypatch.setattr(pages, "install", lambda: None)
    monkeypatch.setenv("FLOWER_MAX_TASKS", given)
    assert runpy.run_path(str(Path(pages.__file__).with_name("config.py")))["max_tasks"] == kept


def task(args: str = "()", kwargs: str = "{}", **more: str | None) -> SimpleNamespace:
    facts = {"state": "SUCCESS", "args": args, "kwargs": kwargs, "result": None, "exception": None}
    return SimpleNamespace(**facts | more)


def test_tasks_read_well() -> None:
    shown = drawing.format_task(
        task(kwargs="{'kind': 'scheduled', 'root_id': None}", result="'run 3: 12 pages to read'")
    )
    assert (shown.args, shown.result) == ("kind: scheduled", "run 3: 12 pages to read")
    page = drawing.format_task(task("(run 3, page7.json)", result="{'leaves': 40}"))
    assert (page.args, page.result) == ("(run 3, page7.json)", "{'leaves': 40}")


@pytest.mark.parametrize("state", ["FAILURE", "RETRY"])
@pytest.mark.parametrize(
    ("exception", "says"),
    [
        ("RunFailed('Run 3: 1 of 2 pages failed.')", "Run 3: 1 of 2 pages failed."),
        ('RunFailed("page7\'s leaves")', "page7's leaves"),
        ("KeyError('a', 1)", "KeyError('a', 1)"),
        ("UpstreamChanged('a\x1b[2Jb')", "a [2Jb"),
    ],
)
def test_a_red_task_says_why_where_others_have_their_result(state: str, exception: str, says: str) -> None:
    assert drawing.format_task(task(state=state, exception=exception)).result == says


def test_a_check_says_what_comes_of_it() -> None:
    from datetime import UTC, datetime

    def effect(gate: str, *, blocking: bool = True) -> str:
        facts = {"id": 1, "run_id": None, "name": "n", "gate": gate, "blocking": blocking, "passed": True, "value": 1}
        now = datetime.now(UTC)
        return drawing.effect(CheckValue.model_validate(facts | {"threshold": 1, "message": "m", "checked_at": now}))

    assert effect("raw_nuget_packages") == "blocking: while it fails, nothing further is judged"
    assert effect("raw_license_texts") == "blocking: while it fails, no license text that was read reaches a verdict"
    assert effect("raw_license_texts", blocking=False) == "a warning: it stops nothing"


def test_areas_hold_until_the_next_change_and_fill_the_plot() -> None:
    from datetime import UTC, datetime

    begin, middle, end = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 6, 11))
    history = [
        VerdictPoint(at=begin, open_source=1, proprietary=0, unknown=1),
        VerdictPoint(at=middle, open_source=3, proprietary=None, unknown=1),
    ]
    found = drawing.areas(history, end)
    assert found is not None
    assert found.paths["open_source"] == (
        "M0.0 50.00L500.0 50.00L500.0 25.00L1000.0 25.00L1000.0 100.00L500.0 100.00L500.0 100.00L0.0 100.00Z"
    )
    assert found.paths["unknown"].startswith("M0.0 0.00L500.0 0.00")
    assert drawing.areas([], end) is None
