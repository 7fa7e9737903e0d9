"""License files read by real workers from code hosts that misbehave, and a worker that is killed meanwhile."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pkgintel import database as db
from tests.support.answers import Answer
from tests.support.hostile import HostileServer
from tests.support.text_hosts import TextBench, TextHost, sample
from tests.support.workers import Fleet, kill

FAR = "https://github.com/{}/thing/blob/main/LICENSE"
LAB = "https://gitlab.com/{}/thing/-/blob/main/LICENSE"
BUCKET = "https://bitbucket.org/{}/thing/src/main/LICENSE"
MIT = sample("mit")
BOMB = gzip.compress(b"\0" * 50_000_000)  # Made before, for a server that makes it answers too late on a busy machine.


class World:
    """A server of all hosts, a database of packages that point there, and a worker."""

    def __init__(self, stack: ExitStack, conn: db.Connection, database: str, redis_url: str, logs: Path) -> None:
        self.server = stack.enter_context(HostileServer())
        self.host = TextHost(self.server)
        self.bench = TextBench(conn, self.host, database)
        stack.callback(self.bench.close)
        settings = self.host.settings(database, redis_url, request_timeout=1)
        self.fleet = Fleet(stack, settings, logs)
        self.worker = self.fleet.worker("one")

    def read(self) -> db.Row:
        """One run from `texts.fetch` to the end of all that follows."""
        before = len(self.fleet.runs())
        self.fleet.client.send_task("texts.fetch", queue="catalog")
        return self.ended(before)

    def ended(self, before: int) -> db.Row:
        def through() -> Any:
            rows = self.fleet.runs()[before:]
            done = [row for row in rows if row["source"] == "texts" and row["settled_at"] and row["finished_at"]]
            return done[-1] if done else None

        row: db.Row = self.fleet.wait(through, "the license files are read and judged")
        return row

    def looks(self) -> dict[str, tuple[str, str | None]]:
        """The newest look at each owner's file: how it ended, and what it says."""
        rows = self.bench.conn.execute(
            "SELECT DISTINCT ON (s.id) split_part(s.owner, '/', 2) AS owner, l.outcome, l.error "
            "FROM raw.text_sources s JOIN raw.text_sightings l ON l.source_id = s.id ORDER BY s.id, l.id DESC"
        ).fetchall()
        return {row["owner"]: (row["outcome"], row["error"]) for row in rows}


@pytest.fixture
def world(conn: db.Connection, database: str, redis_url: str, tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(stack, conn, database, redis_url, tmp_path)


def test_hosts_that_misbehave_and_a_worker_that_is_killed(world: World) -> None:
    raw, server, bench = world.host.raw, world.server, world.bench
    held = threading.Event()
    answers = {
        "good": Answer(MIT, headers={"ETag": '"1"'}),
        "here": Answer(redirect="https://raw.githubusercontent.com/here/renamed/main/LICENSE"),
        "other": Answer(redirect="https://raw.githubusercontent.com/somebody/thing/main/LICENSE"),
        "inward": Answer(redirect="http://127.0.0.1:1/latest/meta-data"),
        "plain": Answer(redirect="http://raw.githubusercontent.com/plain/thing/main/LICENSE"),
        "large": Answer(b"MIT License", until_close=True, endless=b"x" * 65536),
        "bomb": Answer(BOMB, headers={"Content-Encoding": "gzip"}),
        "drip": Answer(MIT, drip=0.5),
        "binary": Answer(bytes(range(256)) * 20, content_type="image/png"),
        "html": Answer(b"<html><body><pre>" + MIT + b"</pre></body></html>", content_type="text/html"),
        "slow": Answer(MIT, held=held),
        "gone": Answer(b"Not Found", status=404),
    }
    for owner, answer in answers.items():
        server.script(f"/{owner}/thing/main/LICENSE", [answer])
        bench.bring(owner, licenseUrl=FAR.format(owner))
    raw("/here/renamed/main/LICENSE", MIT)
    raw("/somebody/thing/main/LICENSE", MIT)
    server.script("/lab1/thing/-/raw/main/LICENSE", [Answer(status=429, retry_after=3600)])
    server.script("/lab2/thing/-/raw/main/LICENSE", [Answer(MIT)])
    server.script("/bucket1/thing/raw/main/LICENSE", [Answer(status=429)])
    for owner in ("lab1", "lab2"):
        bench.bring(owner, licenseUrl=LAB.format(owner))
    bench.bring("bucket1", licenseUrl=BUCKET.format("bucket1"))

    before = len(world.fleet.runs())
    world.fleet.client.send_task("texts.fetch", queue="catalog")
    world.fleet.wait(lambda: server.count("/slow/thing/main/LICENSE"), "the slow file is asked for")
    kill(world.worker)
    held.set()
    server.script("/slow/thing/main/LICENSE", [Answer(MIT)])
    world.fleet.worker("two")
    world.fleet.wait(lambda: bring_back(world), "what the killed worker held is given back")
    world.ended(before)

    looks = world.looks()
    assert {owner for owner, (outcome, _) in looks.items() if outcome == "have"} == {
        "good", "here", "html", "binary", "slow",
    }  # fmt: skip
    assert {owner for owner, (outcome, _) in looks.items() if outcome == "refused"} == {
        "other", "inward", "plain", "large", "bomb",
    }  # fmt: skip
    assert looks["gone"][0] == "missing"
    assert looks["drip"][0] == "trouble"
    assert looks["lab1"] == ("trouble", "it answered 429")
    assert looks["bucket1"] == ("trouble", "it answered 429")
    assert "lab2" not in looks
    paused = bench.conn.execute(
        "SELECT host, extract(epoch FROM paused_until - now())::integer AS left FROM ops.text_hosts ORDER BY host"
    ).fetchall()
    assert [row["host"] for row in paused] == ["bitbucket.org", "gitlab.com"]
    assert 1500 < paused[0]["left"] <= 1800
    assert 3300 < paused[1]["left"] <= 3600
    for path in ("/somebody/thing/main/LICENSE", "/latest/meta-data", "/plain/thing/main/LICENSE"):
        assert server.count(path) == (1 if path.startswith("/plain") else 0), path
    for owner in ("good", "here", "html", "binary", "gone", "other", "inward", "large", "bomb"):
        assert server.count(f"/{owner}/thing/main/LICENSE") == 1, "nothing is fetched twice"
    assert {one.headers["host"] for one in server.requests if one.path.startswith("/good")} == {
        "raw.githubusercontent.com"
    }
    verdicts = bench.verdicts()
    assert {name for name, said in verdicts.items() if said == ("open_source", "text-open")} == {
        "good", "here", "html", "slow",
    }  # fmt: skip
    assert verdicts["binary"] == ("unknown", "text-none")
    assert verdicts["gone"] == ("unknown", "text-missing")
    assert verdicts["other"] == ("unknown", "text-refused")

    server.script("/good/thing/main/LICENSE", [Answer(status=304)])
    bench.conn.execute("UPDATE raw.text_sources SET next_at = now() WHERE owner = 'github.com/good'")
    bench.conn.execute("UPDATE raw.text_sources SET next_at = NULL WHERE owner <> 'github.com/good'")
    world.read()
    asked = [one for one in server.requests if one.path == "/good/thing/main/LICENSE"]
    assert [one.headers.get("if-none-match") for one in asked] == [None, '"1"']
    assert world.looks()["good"][0] == "unchanged"


def bring_back(world: World) -> bool:
    """Upkeep, as beat sends it every ten seconds, until the run that lost its worker has ended."""
    world.fleet.client.send_task("ops.upkeep", queue="ops")
    return not world.bench.conn.execute("SELECT FROM ops.runs WHERE state = 'running'").fetchall()
