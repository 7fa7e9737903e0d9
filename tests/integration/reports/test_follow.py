"""Following the runs of a task: what came of it, and which error ended it."""

import pytest

from pkgintel import database
from pkgintel.pipeline import runs, scan
from pkgintel.reports import follow, summary
from pkgintel.settings import Settings


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
    run_id, _ = runs.begin(conn, "nuget", "scan", "manual", task_id="a-task")
    assert run_id is not None
    pages = ["https://catalog.test/page0.json", "https://catalog.test/page1.json"]
    database.run(conn, "runs/add_pages", run_id=run_id, urls=pages, ticks=[1, 2], counts=[1, 1])
    database.run(conn, "runs/fail_page", run_id=run_id, page_url=pages[0], state="failed", error=error)
    scan.fail(conn, run_id, "the chord broke")
    followed = follow.follow(conn, ["a-task"])
    assert [(run.state, run.error_type) for run in followed.runs] == [("failed", error_type)]
    found = summary.facts(conn, settings, followed, follow.Followed(), 1.0)
    assert (found.outcome, found.error_type, found.exit_code()) == ("failed", error_type, code)
