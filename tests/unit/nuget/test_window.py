"""Which pages and items a scan takes: whole catalogs followed in memory, thousands of them, against the oracle."""

import random

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pkgintel.nuget import window
from pkgintel.nuget.documents import Index, Item, PageEntry, newest
from tests.support.catalogs import ZERO, Catalog, details
from tests.support.histories import CLOSE, FAR, SECOND, History, grow, histories
from tests.support.oracle import Event, replay

entry, listed = PageEntry, Index.model_construct  # Their times are ticks here, not texts.


def index_of(catalog: Catalog) -> Index:
    pages = [entry(url=page, commit=commit) for page, commit in catalog.index.items()]
    return listed(commit=max(catalog.index.values(), default=0), pages=pages)


class Follower:
    """A pipeline in memory: what it knows is a watermark, the events it stored, and the pages of its chain."""

    def __init__(self, limit: int, overlap: int) -> None:
        self.limit, self.overlap = limit, overlap
        self.watermark: int | None = None
        self.stored: dict[str, Event] = {}
        self.read: set[tuple[str, int]] = set()
        self.grown: set[str] = set()

    def plan(self, catalog: Catalog) -> window.Plan | None:
        return window.plan(
            index_of(catalog),
            watermark=self.watermark,
            origin=window.BEGINNING,
            overlap=self.overlap,
            limit=self.limit,
            read=self.read,
            grown=self.grown,
        )

    def scan(self, catalog: Catalog, *, dies: bool = False) -> bool:
        """One scan, perhaps ended before its last page; whether another one of the chain should follow."""
        planned = self.plan(catalog)
        if planned is None:
            self.read = set()
            return False
        assert planned.after <= planned.up_to
        assert planned.pages
        grown = set()
        for entry in planned.pages[: len(planned.pages) - dies]:
            events = {event.url: event for event in catalog.pages[entry.url]}
            items = [Item.read(event.item) for event in events.values()]
            taken = newest(window.inside(items, floor=planned.floor, up_to=planned.up_to))
            self.stored |= {item.url: events[item.url] for item in taken}
            if max(item.commit for item in items) > planned.up_to:
                grown.add(entry.url)
        if dies:
            self.read = set()
            return True
        self.read |= {(entry.url, entry.commit) for entry in planned.pages}
        self.grown = grown
        self.watermark = planned.up_to
        if not planned.more:
            self.read = set()
        return planned.more

    def chain(self, catalog: Catalog, chance: random.Random) -> None:
        for _ in range(1000):
            if not self.scan(catalog, dies=chance.random() < 0.2):
                return
        raise AssertionError("the chain does not end")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """So many histories for each kind of overlap, told in the test's name."""
    if "examples" in metafunc.fixturenames:
        examples = max(5, -(-metafunc.config.getoption("--histories") // 2))
        metafunc.parametrize("examples", [examples], ids=[f"{examples}-histories"])


def follow(history: History, overlap: str, limit: int, stale: bool, seed: int) -> None:
    """The whole history, wave by wave: in the end the watermark is its last commit, and nothing of it was lost."""
    chance, catalog = random.Random(seed), Catalog()
    follower = Follower(limit, (3600 if overlap == "hours" else 4) * SECOND)
    for wave in history.waves:
        if not stale:
            grow(catalog, wave)
        if catalog.pages:
            old = [page for page in catalog.pages if overlap == "hours" and chance.random() < 0.3]
            catalog.publish(old)
            if stale:
                grow(catalog, wave)
            follower.chain(catalog, chance)
        elif stale:
            grow(catalog, wave)
    last = max(event.commit for event in catalog.events) - ZERO + 2 * SECOND
    catalog.add("last", details("Omega", "1.0.0", last))
    catalog.publish()
    follower.chain(catalog, chance)
    assert follower.plan(catalog) is None
    assert follower.watermark == last + ZERO
    assert replay(follower.stored.values()) == replay(catalog.events)


@pytest.mark.parametrize("overlap", ["hours", "seconds"])
def test_any_history_is_followed_without_loss(overlap: str, examples: int) -> None:
    steps = CLOSE if overlap == "hours" else FAR

    @hypothesis_settings(max_examples=examples)
    @given(histories(steps), st.integers(1, 5), st.booleans(), st.integers(0, 10**6))
    def any_of_them(history: History, limit: int, stale: bool, seed: int) -> None:
        follow(history, overlap, limit, stale, seed)

    any_of_them()


pages_ = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 6)), unique_by=lambda page: page[0])


@given(st.lists(pages_, min_size=1, max_size=4), st.integers(1, 3), st.integers(0, 3))
@example([[("a", 5), ("b", 5), ("c", 5)]], 1, 0)
@example([[("a", 1), ("b", 5), ("c", 5), ("d", 5)]], 2, 0)
def test_every_page_newer_than_the_watermark_is_read_and_none_is_left_at_it(
    states: list[list[tuple[str, int]]], limit: int, overlap: int
) -> None:
    watermark: int | None = None
    told: dict[str, int] = {}
    for state in states:
        told |= {url: commit for url, commit in state if commit > told.get(url, -1)}
        index = listed(commit=0, pages=[entry(url=url, commit=commit) for url, commit in told.items()])
        read: set[tuple[str, int]] = set()
        before = -1 if watermark is None else watermark
        while planned := window.plan(
            index, watermark=watermark, origin=-1, overlap=overlap, limit=limit, read=read, grown=()
        ):
            assert len(planned.pages) <= limit or len({page.commit for page in planned.pages}) == 1
            read |= {(page.url, page.commit) for page in planned.pages}
            watermark = planned.up_to
            left = [url for url, commit in told.items() if before < commit <= watermark and (url, commit) not in read]
            assert left == [], "the watermark passed a page that nobody read"
            if not planned.more:
                break
        assert watermark == max([before, *told.values()]) or watermark is None
        assert {(url, commit) for url, commit in told.items() if commit > before} <= read


def test_an_empty_database_starts_after_its_origin() -> None:
    index = listed(commit=9, pages=[entry(url="old", commit=3), entry(url="new", commit=9)])
    planned = window.plan(index, watermark=None, origin=3, overlap=100, limit=10)
    assert planned is not None
    assert [page.url for page in planned.pages] == ["new"]
    assert (planned.after, planned.floor, planned.up_to, planned.more) == (3, 3, 9, False)
    assert window.plan(index, watermark=9, origin=3, overlap=100, limit=10) is None
