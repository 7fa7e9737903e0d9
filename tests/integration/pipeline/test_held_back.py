"""A classification that a closed gate held back: it is sent when the gate opens, until one has begun."""

import kombu.exceptions
from click.testing import CliRunner

from pkgintel import database
from pkgintel.cli.database import check
from pkgintel.pipeline import runs
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.settings import Settings
from tests.support.faults import Sent, Site


def blocked_classification(conn: database.Connection, cause: int | None = None) -> int:
    run_id = runs.open_run(conn, Source.VERDICTS, Action.CLASSIFY, Kind.MANUAL, cause_id=cause)
    runs.end(conn, run_id, State.BLOCKED, error="a gate is closed")
    return run_id


def good_tables(conn: database.Connection) -> None:
    """What every blocking check asks for."""
    conn.execute(
        """INSERT INTO raw.nuget_packages (package_key, package_id, state, commit_ticks)
           VALUES ('a', 'A', 'deleted', 1)"""
    )
    conn.execute(
        """INSERT INTO raw.spdx_licenses (license_id, name, is_osi_approved, is_deprecated, list_version, raw)
           SELECT 'OSI-' || n, 'a', true, false, '1', '{}' FROM generate_series(1, 100) AS n"""
    )


def test_a_held_back_classification_is_sent_until_one_has_begun_and_not_at_every_look(site: Site, sent: Sent) -> None:
    held = blocked_classification(site.conn)
    site.silence(held)
    assert site.recover() == [], "no list is stored yet, so it would not get through"
    good_tables(site.conn)
    assert site.recover() == [f"sent the classification that a gate held back behind run {held}"]
    assert sent.names() == ["verdicts.classify"]
    assert site.recover() == [], "not at every look"
    site.silence(held)
    site.conn.execute("UPDATE ops.runs SET finished_at = now() WHERE id = %s", (held,))
    assert len(site.recover()) == 1, "but until it is there"
    runs.open_run(site.conn, Source.VERDICTS, Action.CLASSIFY, Kind.MANUAL)
    site.silence(held)
    assert site.recover() == []


def test_a_check_that_opens_a_gate_without_redis_says_that_nothing_was_sent(
    site: Site, sent: Sent, settings: Settings
) -> None:
    good_tables(site.conn)
    blocked_classification(site.conn)
    sent.broken = kombu.exceptions.OperationalError("refused")
    told = CliRunner().invoke(check)
    assert told.exit_code == 0
    assert "Redis does not answer (refused): upkeep sends the held-back classification when it does" in told.stderr
