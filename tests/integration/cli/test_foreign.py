"""What strangers write reaches the terminal as text: on a database where every foreign text is hostile."""

import pytest
from click.testing import CliRunner

from pkgintel import database
from pkgintel.cli import pkgintel
from pkgintel.cli.summary import show
from pkgintel.reports import follow, summary
from pkgintel.settings import Settings
from tests.support.reports import healthy, run_of
from tests.unit.cli.test_screen import controls

__all__ = ["healthy"]  # A fixture.

HOSTILE = "\x1b[2J\x9b31m\u202e[/x] $(reboot) 'q' pkgintel is HEALTHY"
COMMANDS = (
    ["status"], ["why", "acme"], ["why", HOSTILE], ["runs"], ["runs", "show", "4"], ["schedule", "list"],
    ["watermark", "show"], ["check"],
)  # fmt: skip


@pytest.fixture
def hostile(healthy: database.Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> database.Connection:
    """A database whose catalog, packages, list version, errors and reasons are of the worst."""
    monkeypatch.delenv("COLUMNS", raising=False)
    run = run_of(healthy, "nuget", "failed", ago=1, error=f"first {HOSTILE}\n4711 is done", task_id="a-task")
    marks = {"text": HOSTILE, "run": run}
    for statement in (
        "UPDATE ops.catalog SET name = %(text)s",
        "UPDATE ops.runs SET detail = jsonb_build_object('note', %(text)s::text), up_to_ticks = 17145216000000000",
        "UPDATE raw.spdx_licenses SET list_version = '[/x]'",
        "UPDATE raw.nuget_packages SET package_id = %(text)s, latest_version = %(text)s, license_url = %(text)s",
        "UPDATE enriched.nuget_package_oss_status SET package_id = %(text)s, reason = %(text)s",
        "UPDATE ops.check_results SET message = name || ': ' || %(text)s",
        "INSERT INTO ops.run_pages (run_id, page_url, state, error) VALUES (%(run)s, %(text)s, 'failed', %(text)s)",
        """INSERT INTO ops.rejected_leaves (leaf_url, package_id, version, kind, commit_ticks, page_url, reason, error)
           VALUES (%(text)s, %(text)s, %(text)s, 'details', 1, %(text)s, %(text)s, %(text)s)""",
        "UPDATE ops.schedules SET changed_by = %(text)s",
    ):
        healthy.execute(statement, marks)
    return healthy


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command)[:12])
def test_no_command_obeys_a_foreign_text(hostile: database.Connection, settings: Settings, command: list[str]) -> None:
    done = CliRunner().invoke(pkgintel, command)
    output = done.stdout + done.stderr + str(done.exception or "")
    assert controls(output) == set()
    assert done.exception is None or type(done.exception).__name__ in ("SystemExit", "PackageUnknown"), done.exception
    lines = [line.strip() for line in output.splitlines()]
    assert not [line for line in lines if line.startswith(("4711 is done", "pkgintel is HEALTHY"))]


def test_the_page_that_run_ends_with_offers_a_command_that_is_safe_to_copy(
    hostile: database.Connection, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    result = summary.facts(hostile, settings, follow.follow(hostile, ["a-task"]), follow.FollowedRuns(), 1.0)
    show(result, as_json=False)
    out = capsys.readouterr().out
    assert controls(out) == set()
    assert "[/x]" in out
    assert " why '" in out, "the id is quoted"
    assert """'"'"'q'"'"'""" in out
