"""An installation that has nothing yet: what it asks for is enough."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from pkgintel.local.services import Services
from tests.support.databases import fresh_database
from tests.support.patience import quick
from tests.support.workers import Fleet

pytestmark = pytest.mark.processes


def test_the_schema_is_made_and_a_worker_is_started_as_advised(
    services: Services, redis_url: str, tmp_path: Path
) -> None:
    with fresh_database(services, None) as url, ExitStack() as stack:
        fleet = Fleet(stack, quick(url, redis_url), tmp_path)
        assert "run `pkgintel migrate`" in fleet.tell("status").stderr
        assert fleet.tell("migrate").returncode == 0
        fleet.send("ops.upkeep")
        told = " ".join(fleet.tell("status").stdout.split())
        assert "No worker answers, and 1 task is waiting. Start one: `celery -A pkgintel worker`" in told
        fleet.worker("first")  # By that command.
        fleet.wait(lambda: "No worker answers" not in fleet.tell("status").stdout, "nobody says so any more")
