"""What a browser makes of the page Pipeline: whole at every width, without an error, and nobody else is asked."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgintel import database
from pkgintel.local.services import Services
from tests.integration.flower.test_page import NOWHERE, fill, spoil
from tests.support.browser import CHROMIUM, Browser, browser
from tests.support.databases import fresh_database, redis_of
from tests.support.flowers import Served, flowers
from tests.support.patience import quick

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM} (Debian's package chromium)"),
]

WORDS = {"empty": "no catalog yet", "healthy": "in progress", "broken": "is lost", "away": "cannot look"}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all looks."""
    with browser(tmp_path_factory.mktemp("browser") / "profile") as started:
        yield started


@pytest.fixture(scope="module", params=WORDS)
def page(request: pytest.FixtureRequest, services: Services, template: str) -> Iterator[tuple[str, Served]]:
    """Each state of the page, and the Flower that shows it to windows of every width."""
    state = request.param
    with fresh_database(services, template) as url, redis_of(services) as redis_url, database.connect(url) as conn:
        settings = quick(url, redis_url)
        if state in ("healthy", "broken"):
            fill(conn, settings)
        if state == "broken":
            spoil(conn, settings)
            get_stuck(conn)
        with flowers() as start:
            yield state, start(quick(NOWHERE) if state == "away" else settings)


def get_stuck(conn: database.Connection) -> None:
    """A scan that has not given a sign of life for ten minutes, long names, and a schedule that nobody ticks."""
    conn.execute(
        """
        UPDATE ops.schedules SET enabled = true, changed_by = 'somebody', changed_at = now() - interval '2 days';
        INSERT INTO ops.runs (source, kind, action, state, started_at, heartbeat_at, pages_total)
        VALUES ('nuget', 'scheduled', 'scan', 'running', now() - interval '1 hour', now() - interval '10 minutes', 500);
        """
    )


@pytest.mark.parametrize("width", [1280, 768, 390, 360])
def test_a_browser_shows_it_whole_with_no_error_and_asks_nobody_else(
    page: tuple[str, Served], chromium: Browser, tmp_path: Path, width: int
) -> None:
    state, served = page
    seen = chromium.look(f"{served.root}/pipeline?refresh=off", width, phone=width < 500, dark=width == 360)
    if "PICTURES" in os.environ:  # For whoever wants to look at it.
        (Path(os.environ["PICTURES"]) / f"pipeline-{state}-{width}.png").write_bytes(seen.picture)
    assert (seen.width, seen.wide, seen.broken) == (width, (), ())
    assert seen.complaints == ()
    assert {address.split("/")[2] for address in seen.asked if address.startswith("http")} == {
        served.root.split("/")[2]
    }
    assert WORDS[state] in seen.text
    (tmp_path / "page.png").write_bytes(seen.picture)
    assert len(_colours(tmp_path / "page.png")) > 20


def _colours(picture: Path) -> set[int]:
    """The different bytes of a PNG's rows: a blank page has few."""
    content, at, packed = picture.read_bytes(), 8, b""
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        if content[at + 4 : at + 8] == b"IDAT":
            packed += content[at + 8 : at + 8 + length]
        at += length + 12
    return set(zlib.decompress(packed))
