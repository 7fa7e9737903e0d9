"""How `pkgintel run` sums up the runs it followed."""

from typing import Any

import pytest

from pkgintel.errors import PkgintelError
from pkgintel.reports import summary
from pkgintel.reports.follow import FollowedRun, FollowedRuns


def run(source: str, state: str) -> FollowedRun:
    """One followed run."""
    nothing = dict.fromkeys(
        ("task_id", "cause_id", "settled_at", "pages_left", "window_after", "window_up_to", "round")
    )
    counts = dict.fromkeys(("id", "pages_total", "leaves", "rejected"), 0)
    plain = {"own": True, "more": False, "read_something": True, "knows": False, "rest": False}
    facts = {"action": "scan", "error": "x", "error_type": None, **plain}
    return FollowedRun.model_validate({"source": source, "state": state, **nothing, **counts, **facts})


@pytest.mark.parametrize(
    ("scans", "licenses", "outcome"),
    [
        ([("nuget", "done"), ("verdicts", "done")], [("spdx", "done"), ("verdicts", "caught_up")], "done"),
        ([("nuget", "caught_up")], [("spdx", "caught_up"), ("verdicts", "caught_up")], "caught_up"),
        ([("nuget", "skipped")], [("spdx", "done")], "already_running"),
        ([("nuget", "done"), ("verdicts", "done")], [("spdx", "skipped")], "done"),
        ([("nuget", "blocked")], [("spdx", "done")], "blocked"),
        ([("nuget", "done"), ("verdicts", "done")], [("spdx", "done"), ("verdicts", "blocked")], "done"),
        ([("nuget", "caught_up")], [("spdx", "done"), ("verdicts", "blocked")], "blocked"),
        ([("nuget", "done"), ("verdicts", "blocked")], [("spdx", "done")], "blocked"),
        ([("nuget", "done"), ("verdicts", "done")], [("spdx", "blocked")], "blocked"),
        ([("nuget", "done"), ("verdicts", "done")], [("spdx", "failed")], "failed"),
        ([("nuget", "lost"), ("nuget", "done"), ("verdicts", "done")], [("spdx", "done")], "done"),
    ],
)
def test_the_outcome_is_that_of_what_counts_in_the_end(
    scans: list[tuple[str, str]], licenses: list[tuple[str, str]], outcome: str
) -> None:
    followed = (FollowedRuns(tuple(run(*one) for one in found)) for found in (scans, licenses))
    assert summary.outcome(*followed) == outcome


@pytest.mark.parametrize(
    ("result", "code"),
    [
        ({"outcome": "done", "error": None, "error_type": None}, 0),
        ({"outcome": "already_running", "error": "run 3", "error_type": None}, 0),
        ({"outcome": "blocked", "error": "a gate", "error_type": "GateFailed"}, 1),
        ({"outcome": "failed", "error": "2 pages failed, first …", "error_type": "UpstreamUnavailable"}, 3),
        ({"outcome": "failed", "error": "too long a wait", "error_type": "TryLater"}, 3),
        ({"outcome": "failed", "error": "a page broke its shape", "error_type": "UpstreamChanged"}, 1),
    ],
)
def test_exit_codes(result: dict[str, Any], code: int) -> None:
    found = summary.nothing(PkgintelError(), 1.0).model_copy(update=result)
    assert found.exit_code() == code
