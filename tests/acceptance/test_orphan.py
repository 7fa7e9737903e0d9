"""`pkgintel run` after a machine went down: what the workers of before left running is freed at once."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from pkgintel.pipeline import runs
from pkgintel.pipeline.states import Action, Kind, Source
from tests.support.hostile import HostileServer
from tests.support.patience import quick
from tests.support.sites import LISTS, Site
from tests.support.workers import Fleet

pytestmark = pytest.mark.processes


def test_a_run_frees_every_run_that_has_no_worker_any_more_and_no_other(
    database: str, redis_url: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(HostileServer())
        site = Site(server)
        site.new_list(110)
        site.grow(2)
        lists = {"spdx_licenses_url": server.url(LISTS[0]), "spdx_exceptions_url": server.url(LISTS[1])}
        settings = quick(database, redis_url, service_index_url=server.url("/v3/index.json"), **lists)
        fleet = Fleet(stack, settings, tmp_path)
        left = [
            runs.open_run(fleet.conn, Source.NUGET, Action.SCAN, Kind.SCHEDULED, task_id="a"),
            runs.open_run(fleet.conn, Source.SPDX, Action.SYNC, Kind.SCHEDULED, task_id="b"),
            runs.open_run(fleet.conn, Source.VERDICTS, Action.CLASSIFY, Kind.MANUAL, task_id="c"),
        ]
        # Some `pkgintel reprocess` is at work in a process of its own.
        busy = runs.open_run(fleet.conn, Source.VERDICTS, Action.CLASSIFY, Kind.MANUAL)
        told = fleet.tell("run", "--json")
        assert told.returncode == 0, told.stderr
        states = {run["id"]: run["state"] for run in fleet.runs()}
        assert [states[run_id] for run_id in left] == ["lost"] * 3
        assert all(f"run {run_id} had been left without a worker" in told.stderr for run_id in left)
        assert states[busy] == "running"
