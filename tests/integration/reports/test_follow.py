"""Following the runs of a task: what came of it, and which error ended it."""

import pytest

from pkgintel import database
from pkgintel.pipeline import runs, scan
from pkgintel.pipeline.states import Action, Kind, Source
from pkgintel.reports import follow, summary
from pkgintel.settings import Settings
from pkgintel.tasks import base


@pytest.mark.parametrize(
    ("error", "error_type", "code"),
    [
        ("UpstreamUnavailable: it answered 503", "UpstreamUnavailable", 3),
        ("UpstreamChanged: no answer says UpstreamUnavailable: here", "UpstreamChanged", 1),
    ],
)
def test_the_exit_code_is_that_of_the_error_and_not_of_its_words(
    conn: database.Connection, settings: Settings, error: str, error_type: str, code: int
) -> None:
    run_id = runs.open_run(conn, Source.NUGET, Action.SCAN, Kind.MANUAL, task_id="a-task")
    pages = ["https://catalog.test/page0.json", "https://catalog.test/page1.json"]
    database.run(conn, "pages/add", run_id=run_id, urls=pages, ticks=[1, 2], counts=[1, 1], kinds=["catalog"] * 2)
    database.run(conn, "pages/fail", run_id=run_id, page_url=pages[0], state="failed", error=error)
    scan.fail(conn, run_id, "the chord broke", base.TRIES)
    followed = follow.follow(conn, ["a-task"])
    assert [(run.state, run.error_type) for run in followed.runs] == [("failed", error_type)]
    found = summary.facts(conn, settings, followed, follow.FollowedRuns(), 1.0)
    assert (found.outcome, found.error_type, found.exit_code()) == ("failed", error_type, code)
