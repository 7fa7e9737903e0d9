"""Hosts whose clocks differ: what is recorded and decided goes by the clock of the database alone."""

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from pkgintel.pipeline import runs
from pkgintel.pipeline.states import Action, Kind, Source
from tests.support import clocks
from tests.support.sites import SiteFleet
from tests.support.tables import differences

HOUR = 3600


class WrongClocks(SiteFleet):
    """Workers an hour ahead of the database."""

    off_by: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """Theirs."""
        return super().environment | self.off_by


@pytest.mark.processes
# A clock of its own is given to a process by a library that a C compiler makes.
@pytest.mark.skipif(clocks.missing() is not None, reason=str(clocks.missing()))
def test_a_worker_with_a_wrong_clock_reads_all_and_ends_no_run_that_lives(
    database: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WrongClocks, "off_by", clocks.off_by(HOUR, tmp_path), raising=False)
    with ExitStack() as stack:
        fleet = WrongClocks(stack, database, redis_url, tmp_path)
        fleet.begin()
        fleet.site.grow(12)
        fleet.send("spdx.sync")
        fleet.send("catalog.scan")
        fleet.ended("classify", "done")
        fleet.quiet()
        assert differences(fleet.conn, fleet.site.events) == []
        odd = "SELECT FROM ops.runs WHERE abs(extract(epoch FROM now() - started_at)) > 300 OR finished_at < started_at"
        assert fleet.rows(odd) == [], "the stamps of runs are those of the database"

        alive = runs.open_run(fleet.conn, Source.NUGET, Action.SCAN, Kind.MANUAL, task_id="of another host")
        silent = runs.open_run(fleet.conn, Source.SPDX, Action.SYNC, Kind.MANUAL, task_id="of a third")
        fleet.conn.execute("UPDATE ops.runs SET heartbeat_at = now() - interval '10 minutes' WHERE id = %s", (silent,))
        fleet.send("ops.upkeep")
        fleet.ended("sync", "lost")
        states = {row["id"]: row["state"] for row in fleet.runs()}
        assert (states[alive], states[silent]) == ("running", "lost")
        found = fleet.status()
        assert found["assets"]["raw_nuget_packages"]["fresh"]
        assert abs(found["run"]["silent_seconds"]) < 300
        now = fleet.rows("SELECT now()")[0]["now"]
        stamps = [found["as_of"], *(check["checked_at"] for check in found["checks"])]
        off = [abs((now - datetime.fromisoformat(stamp)).total_seconds()) for stamp in stamps]
        assert max(off) < 300, "also those of the screen, though its own clock is wrong"
