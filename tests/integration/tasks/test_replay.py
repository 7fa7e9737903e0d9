"""The task `replay` from a Python shell: it takes what `pkgintel reprocess` takes, and says what came of it."""

from typing import Any

import pytest

from pkgintel import database, tasks
from pkgintel.errors import SettingsError
from pkgintel.settings import Deployment
from tests.integration.reports.test_json import fill
from tests.support.reports import healthy

__all__ = ["healthy"]  # A fixture.


@pytest.fixture
def filled(healthy: database.Connection, settings: Deployment) -> database.Connection:
    fill(healthy, settings)
    healthy.execute("DELETE FROM ops.check_results")  # No gate is closed.
    return healthy


def test_it_takes_what_reprocess_takes(filled: database.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr("celery.canvas._chain.apply_async", lambda chain, **_: sent.append(chain.tasks[0].task))

    def said(**asked: Any) -> str:
        return str(tasks.replay.apply(kwargs=asked, throw=True).get())

    filled.execute("DELETE FROM raw.nuget_packages WHERE package_key = 'acme'")
    assert said(everything=True, from_raw=True, dry_run=True) == "1 package would be restored, 1 verdict would change"
    assert said(rejected=True, accept=True, dry_run=True) == "4 leaves would be accepted"
    assert said(rejected=True, accept=True, why="they are gone") == "4 leaves accepted"
    assert said(everything=True, from_raw=True).endswith(", 0 not readable")
    assert sent == ["checks.run_gate"] * 2, "the gate follows twice, and the classifier behind it"
    with pytest.raises(SettingsError, match="--from-raw goes with --all or --package ID"):
        said(rejected=True, from_raw=True)


def test_a_gate_that_there_is_not_is_a_sentence(settings: Deployment) -> None:
    with pytest.raises(SettingsError, match="There is no gate 'nogate'; there are raw_nuget_packages"):
        tasks.run_gate.apply(args=("nogate",), throw=True)
