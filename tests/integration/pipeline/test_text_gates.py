"""The gate of the texts, each of its checks seen closing: what it holds back changes no verdict, and others go on."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import CliRunner

from pkgintel import database as db
from pkgintel.cli import texts as texts_command
from pkgintel.errors import GateFailed
from pkgintel.licenses.texts import negatives, reading
from pkgintel.pipeline import checks, gate, text_reading
from pkgintel.reports import status
from tests.support.hostile import HostileServer
from tests.support.processes import working_for
from tests.support.text_hosts import TextBench, TextHost, sample

PLACEHOLDER = "https://aka.ms/deprecateLicenseUrl"
PAGE = b"<html><body><h1>Please sign in</h1><p>To go on you have to sign in to this site.</p></body></html>"


@pytest.fixture
def bench(conn: db.Connection, database: str) -> Iterator[TextBench]:
    with HostileServer() as server:
        bench = TextBench(conn, TextHost(server), database)
        yield bench
        bench.close()


def failing(bench: TextBench) -> list[str]:
    """The blocking checks of the gate whose newest result failed."""
    rows = bench.conn.execute(
        "SELECT DISTINCT ON (name) name, passed FROM ops.check_results WHERE gate = %s AND blocking "
        "ORDER BY name, id DESC",
        [checks.TEXTS],
    ).fetchall()
    return [row["name"] for row in rows if not row["passed"]]


def test_a_host_that_is_out_holds_its_run_back_and_nothing_else(
    bench: TextBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = bench.host
    host.embedded("Inside", "1.0.0", sample("mit"))
    bench.bring("Inside", licenseFile="LICENSE", licenseUrl=PLACEHOLDER)
    for number in range(11):
        host.raw(f"/owner{number}/thing/main/LICENSE", b"", status=500)
        bench.bring(f"Out{number}", licenseUrl=f"https://github.com/owner{number}/thing/blob/main/LICENSE")
    # So many troubles in a row would end the asking of this host sooner.
    monkeypatch.setattr("pkgintel.pipeline.text_fetch.MOST_TROUBLE", 100)
    bench.fetch()
    matched = bench.match()
    assert matched.closed
    assert failing(bench) == ["raw_license_texts_reached"]
    with pytest.raises(GateFailed, match="raw_license_texts is closed"):
        gate.hold(bench.conn, bench.settings, checks.TEXTS, None)
    bench.bring("Plain", licenseExpression="MIT")
    bench.classify()
    assert bench.verdicts()["Plain"] == ("open_source", "expression-open")
    assert bench.verdicts()["Inside"] == ("unknown", "text-not-read-yet")

    for number in range(11):
        host.raw(f"/owner{number}/thing/main/LICENSE", sample("mit"))
    bench.conn.execute("UPDATE raw.text_sources SET next_at = now() WHERE state = 'trouble'")
    assert bench.read()["Inside"] == ("open_source", "text-open")
    assert failing(bench) == []


def test_one_page_for_every_file_is_held_back_until_an_operator_accepts_it(bench: TextBench) -> None:
    for number in range(10):
        bench.host.raw(f"/owner{number}/thing/main/LICENSE", sample("mit"))
        bench.bring(f"Page{number}", licenseUrl=f"https://github.com/owner{number}/thing/blob/main/LICENSE")
    assert set(bench.read().values()) == {("open_source", "text-open")}
    for number in range(10):
        bench.host.raw(f"/owner{number}/thing/main/LICENSE", PAGE)
    bench.conn.execute("UPDATE raw.text_sources SET next_at = now()")
    assert set(bench.read().values()) == {("open_source", "text-open")}
    assert failing(bench) == ["raw_license_texts_alike"]
    told = status.report(bench.conn, bench.settings)
    assert [check.name for check in told.checks if check.closes and check.gate == checks.TEXTS] == failing(bench)
    assert any("`pkgintel texts accept SHA" in sentence for sentence in told.unhealthy_because)
    assert not told.assets[checks.VERDICTS].blocked, "the classifier goes on"
    with working_for(bench.settings):
        listed = CliRunner().invoke(texts_command.group, ["list", "--json"])
        digest = json.loads(listed.output)["texts"][0]["sha256"]
        assert "Please sign in" in CliRunner().invoke(texts_command.group, ["show", digest[:8]]).output
        said = CliRunner().invoke(texts_command.group, ["accept", digest[:8], "--why", "it is their license"])
    assert (said.exit_code, "10 packages with another text" in said.output) == (0, True), said.output
    assert failing(bench) == []
    assert not any("texts" in sentence for sentence in status.report(bench.conn, bench.settings).unhealthy_because)


def test_a_reader_that_opens_what_was_closed_is_held_back(bench: TextBench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.host.embedded("Sold", "1.0.0", sample("sample-eula"))
    bench.bring("Sold", licenseFile="LICENSE", licenseUrl=PLACEHOLDER)
    real = reading.read
    closed = replace(real(sample("mit")), closed=True, expression="LicenseRef-Sold")
    monkeypatch.setattr(reading, "read", lambda body: replace(closed, sha256=real(body).sha256))
    assert bench.read() == {"Sold": ("proprietary", "text-closed")}
    monkeypatch.setattr(text_reading, "reader_version", lambda: "2-new")
    opened = real(sample("mit"))
    monkeypatch.setattr(reading, "read", lambda body: replace(opened, sha256=real(body).sha256))
    assert bench.match().closed
    assert failing(bench) == ["raw_license_texts_opened", "raw_license_texts_steady"]
    bench.classify()
    assert bench.verdicts() == {"Sold": ("proprietary", "text-closed")}
    wrong = status.report(bench.conn, bench.settings).unhealthy_because
    assert sum("`pkgintel texts accept reader --why" in sentence for sentence in wrong) == 2
    with working_for(bench.settings):
        said = CliRunner().invoke(texts_command.group, ["accept", "reader", "--why", "looked at"])
    assert said.exit_code == 0, said.output
    assert failing(bench) == []
    assert bench.verdicts() == {"Sold": ("open_source", "text-open")}


def test_a_reader_that_takes_a_made_up_text_for_a_license_decides_nothing(
    bench: TextBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.host.embedded("Inside", "1.0.0", sample("mit"))
    bench.bring("Inside", licenseFile="LICENSE", licenseUrl=PLACEHOLDER)
    monkeypatch.setattr(negatives, "recognised", lambda: 1)
    assert bench.read() == {"Inside": ("unknown", "text-not-read-yet")}
    assert failing(bench) == [checks.NEGATIVES_CHECK]
    monkeypatch.undo()
    assert bench.read() == {"Inside": ("open_source", "text-open")}


@pytest.mark.parametrize("before", [None, "good", "older"])
def test_installing_another_reader_opens_the_gate_that_a_wrong_one_closed(
    bench: TextBench, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    """The advice of status, followed where no reader, the very one, or another one was let through before."""
    bench.host.embedded("Inside", "1.0.0", sample("mit"))
    bench.bring("Inside", licenseFile="LICENSE", licenseUrl=PLACEHOLDER)
    if before:
        installed(monkeypatch, before)
        assert bench.read() == {"Inside": ("open_source", "text-open")}
    else:
        bench.fetch()
    with monkeypatch.context() as wrong:
        installed(wrong, "wrong")
        wrong.setattr(negatives, "recognised", lambda: 1)
        assert bench.match().closed
        assert text_reading.is_behind(bench.conn) is False, "it is not tried without an end"
    advice = [one for one in status.report(bench.conn, bench.settings).unhealthy_because if "install another" in one]
    assert len(advice) == 1

    installed(monkeypatch, "good")
    assert text_reading.is_behind(bench.conn), "upkeep has it read"
    bench.match()
    assert failing(bench) == []
    assert text_reading.is_behind(bench.conn) is False
    bench.classify()
    assert bench.verdicts() == {"Inside": ("open_source", "text-open")}
    assert status.report(bench.conn, bench.settings).assets["raw_license_texts"].blocked is False


def installed(monkeypatch: pytest.MonkeyPatch, reader: str) -> None:
    """A release with this reader is what runs from now on."""
    monkeypatch.setattr(text_reading, "reader_version", lambda: reader)


def test_no_made_up_text_is_read_as_a_license() -> None:
    """Each is a license with a clause that takes something back, and without it would be read as that license."""
    assert negatives.recognised() == 0
    plain = [f"{negatives.NOTICE}\n\n{negatives.plain(one)}".encode() for one in negatives.LICENSES]
    assert {reading.read(body).status for body in plain} == {"matched"}
