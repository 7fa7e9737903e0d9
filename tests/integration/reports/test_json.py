"""What `--json` prints is a promise: on a database with something of everything, it is what golden.json holds."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner

from pkgintel import database
from pkgintel.cli import pkgintel
from pkgintel.cli.summary import show
from pkgintel.errors import UpstreamUnavailable
from pkgintel.licenses.verdict import RULESET
from pkgintel.pipeline import gate
from pkgintel.pipeline.checks import reject_limit
from pkgintel.reports import follow, summary
from pkgintel.runtime import orphans
from pkgintel.settings import Settings
from tests.support.catalogs import delete, details
from tests.support.reports import run_of
from tests.support.stored import EULA, judge, license_list, take

GOLDEN = Path(__file__).with_name("golden.json")
# Seconds and what is reckoned from them: another number each time.
VARYING = {"age_seconds", "silent_seconds", "seconds", "rate", "seconds_left", "late_seconds"}
COMMANDS = (
    ["status"], ["why", "acme"], ["why", "acme", "--version", "2.0"], ["why", "closed"], ["why", "gone"],
    ["why", "unread"], ["changes"], ["changes", "--after", "0-0"],
    ["runs"], ["runs", "show", "4"], ["runs", "show", "6"], ["runs", "--state", "failed"],
    ["schedule", "list"], ["watermark", "show"], ["check"],
)  # fmt: skip


def fill(conn: database.Connection, settings: Settings) -> None:
    """Packages of every kind, runs in every state, a closed gate, rejected leaves, decided schedules."""
    second = 10_000_000
    take(
        conn,
        details("Acme", "2.0.0", 2 * second, licenseExpression="MIT OR BUSL-1.1+ WITH Nothing"),
        details("Closed", "1.0", 3 * second, licenseUrl=EULA),
        details("Gone", "1.0", 4 * second, licenseExpression="MIT"),
        delete("Gone", "1.0", 5 * second),
    )
    judge(conn, settings, license_list("3.28.0", Apache_2_0=True))
    take(conn, details("Acme", "3.0.0", 6 * second, licenseExpression="BUSL-1.1"))
    judge(conn, settings, license_list("3.28.0", Apache_2_0=True))
    take(conn, details("Unread", "1.0-beta", 7 * second, licenseFile="LICENSE.txt"))
    running = run_of(conn, "nuget", "running", ago=100, pages_total=4, more=True)
    pages = """
        INSERT INTO ops.run_pages (run_id, page_url, state, attempts, wanted, fetched, leaves, rejected, error) VALUES
        (%(run)s, 'https://c.test/page0.json', 'done', 1, 200, 200, 200, 3, NULL),
        (%(run)s, 'https://c.test/page1.json', 'pending', 1, 200, 100, 0, 0, NULL),
        (%(run)s, 'https://c.test/page2.json', 'failed', 4, 200, 0, 0, 0, 'it answered 500')
    """
    conn.execute(pages, {"run": running})
    run_of(conn, "nuget", "running", ago=50, action="replay", pages_total=1)
    failed = run_of(conn, "spdx", "failed", ago=9, error="the list could not be fetched", kind="scheduled")
    conn.execute(pages, {"run": failed})
    run_of(conn, "verdicts", "caught_up", ago=8, cause_id=failed)
    gate.record(conn, [reject_limit(50, 100, 0.01)], failed)
    run_of(conn, "nuget", "skipped", ago=7, error="run 4 is in progress")
    conn.execute(
        """
        INSERT INTO ops.rejected_leaves (leaf_url, package_id, version, kind, commit_ticks, page_url, reason, error)
        SELECT 'u' || n, E'Bad\\x1b[2J' || n, '1.0', 'details', n, 'p', 'schema', 'version is missing'
        FROM generate_series(1, 4) AS n
        """
    )
    database.run(conn, "schedules/switch", name="nuget", enabled=True, by="ann")


def settled(value: Any, key: str = "", *, within: dict[str, Any] | None = None) -> Any:
    """`value` with every time of now, length of time and address replaced by its kind."""
    if isinstance(value, dict):
        return {name: settled(one, name, within=value) for name, one in value.items()}
    if isinstance(value, list):
        return [settled(one, within=within) for one in value]
    if key == "ruleset" and value == RULESET:
        return "<ruleset>"
    age = key == "value" and str((within or {}).get("name")).endswith("_fresh")
    if (key in VARYING or age) and isinstance(value, int | float):
        return f"<{type(value).__name__}>"
    if isinstance(value, str):
        value = re.sub(r"\S+/test_[0-9a-f]{12}", "<database>", value)
        if re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
            off = datetime.now(UTC) - datetime.fromisoformat(value)
            return "<now>" if abs(off) < timedelta(days=2) else value
    return value


def as_text(value: Any) -> str:
    """With 1 and 1.0 as the different things they are in JSON."""
    return json.dumps(value, indent=1, sort_keys=True)


def printed(*arguments: str) -> Any:
    done = CliRunner().invoke(pkgintel, [*arguments, "--json"], catch_exceptions=False)
    return json.loads(done.stdout)


def all_of_it(conn: database.Connection, settings: Settings, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Every command's JSON by its name, and that of two runs that are summed up."""
    conn.execute("UPDATE ops.runs SET task_id = 'task-' || id, up_to_ticks = 17145216000000000 WHERE source = 'nuget'")
    with redis.Redis.from_url(settings.redis_url or "") as client:
        orphans.note_sent(client)  # The pages of the run in progress.
    found = {" ".join(command): settled(printed(*command)) for command in COMMANDS}
    scans, licenses = follow.follow(conn, ["task-2"]), follow.follow(conn, ["nothing"])
    for name, result in (
        ("run", summary.facts(conn, settings, scans, licenses, 1.5)),
        ("run that failed", summary.nothing(UpstreamUnavailable("no answer", "https://c.test"), 2.5)),
    ):
        show(result, as_json=True)
        found[name] = settled(json.loads(capsys.readouterr().out))
    return found


def test_json_is_what_it_was(
    healthy: database.Connection, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(healthy, settings)
    found, golden = all_of_it(healthy, settings, capsys), json.loads(GOLDEN.read_text())
    assert found.keys() == golden.keys()
    for name, value in golden.items():
        assert as_text(found[name]) == as_text(value), name
