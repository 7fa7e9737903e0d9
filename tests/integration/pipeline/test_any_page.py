"""Pages of any lines and of any bytes: good items are stored, and nothing passes unseen."""

import json
import random
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pkgintel import database as db
from pkgintel.errors import UpstreamChanged, UpstreamUnavailable
from pkgintel.nuget.listing import parse
from tests.support.catalogs import ZERO, Catalog, details
from tests.support.databases import empty
from tests.support.oddities import WRONG, answer, document, grown, read_rejected, rows
from tests.support.patience import quick
from tests.support.scans import Bench, OneConnection
from tests.support.tables import differences
from tests.support.wires import COPIES

TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def odd_lines(draw: st.DrawFn) -> list[Any]:
    """Up to nine lines that are no items: a part of a good one is wrong, or it is any JSON value at all."""
    wrong = draw(st.lists(st.sampled_from(WRONG) | VALUES, max_size=9))
    spoiled = [details(f"Odd{number}", "1.0.0", number).item for number in range(len(wrong))]
    return [
        line | one if isinstance(one, dict) and one in WRONG else one
        for line, one in zip(spoiled, wrong, strict=True)
    ]  # fmt: skip


def written(line: Any) -> str:
    return json.dumps(line, sort_keys=True, separators=(",", ":"))


def test_any_page_stores_its_good_items_and_keeps_every_other_line(shared_database: str) -> None:
    with db.connect(shared_database) as conn:
        bench = Bench(conn, quick(shared_database), Catalog(), OneConnection(shared_database, conn))

        @hypothesis_settings(max_examples=300)
        @given(good=st.integers(1, 6), odd=odd_lines(), seed=st.randoms(use_true_random=False), heals=st.booleans())
        def one(good: int, odd: list[Any], seed: Any, heals: bool) -> None:
            empty(conn)
            bench.catalog.__init__()  # type: ignore[misc]
            events = grown(bench, good)
            lines = [*document(bench)["items"], *odd]
            seed.shuffle(lines)
            answer(bench, "/page0.json", items=lines, count=len(lines))
            done = bench.scan()
            assert done is not None
            assert done.state == "done"
            assert bench.watermark() == ZERO + good - 1
            assert differences(conn, events) == []
            kept = {row["body"] for row in rows(bench)}
            assert kept == {written(line) for line in odd}
            assert bench.scan() is None
            if heals:
                bench.catalog.add("page0", *(details(f"Odd{number}", "1.0.0", 0) for number in range(len(odd))))
                bench.catalog.broken.clear()
                read_rejected(bench)
                assert [row for row in rows(bench) if row["resolution"] is None] == []
                assert bench.differences() == []

        try:
            one()
        finally:
            bench.close()


@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_page_or_a_page_that_changed(body: bytes) -> None:
    with pytest.raises(UpstreamChanged):
        parse(body, "http://x/page", "http://x/page", ZERO)


@pytest.mark.parametrize("name", COPIES)
def test_every_copy_of_the_faults_is_noticed(bench: Bench, name: str) -> None:
    """The faults that histories meet are faults: none is taken for a good page."""
    grown(bench)
    found = document(bench)
    COPIES[name](found, random.Random(1))
    bench.catalog.broken["/page0.json"] = lambda: httpx.Response(200, content=json.dumps(found).encode())
    opened = bench.open()
    assert opened is not None
    try:
        assert bench.read(opened.run_id, opened.pages[0]).rejected == 1
    except (UpstreamUnavailable, UpstreamChanged):
        assert bench.watermark() is None
