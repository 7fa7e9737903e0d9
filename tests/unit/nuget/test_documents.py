"""The documents of the catalog: timestamps, keys, shapes; and every real document that lies beside the checkout."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgintel.errors import UpstreamChanged
from pkgintel.nuget import documents as catalog
from pkgintel.nuget import instant
from pkgintel.nuget.documents import LEAF, Index, Item, Page
from tests.support import oracle
from tests.support.catalogs import delete, details
from tests.support.checkout import SHARED
from tests.support.histories import DECLARATIONS, IDS, VERSIONS
from tests.support.oracle import Event

REAL = SHARED / "catalog"
YEAR_1, YEAR_9999 = instant.ticks("0001-01-01T00:00:00Z"), instant.ticks("9999-12-31T23:59:59.9999999Z")


@given(st.integers(YEAR_1, YEAR_9999))
def test_ticks_survive_being_written(value: int) -> None:
    text = instant.timestamp(value)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?Z", text)
    assert instant.ticks(text) == value
    assert oracle.ticks(text) == value
    assert instant.moment(value) == oracle.at(value)
    assert instant.ticks(text.replace("Z", "+00:00")) == value


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2024-05-01T00:31:56.117211Z", "2024-05-01T00:31:56.1172110Z"),
        ("2024-05-01T00:31:56.12345678Z", "2024-05-01T00:31:56.1234567Z"),
        ("2024-05-01T02:31:56.5+02:00", "2024-05-01T00:31:56.5Z"),
        ("2024-05-01T00:31:56", "2024-05-01T00:31:56Z"),
    ],
)
def test_spellings_of_one_time(text: str, same: str) -> None:
    assert instant.ticks(text) == instant.ticks(same)


def test_the_seventh_digit_is_cut_and_never_rounded() -> None:
    assert instant.moment(instant.ticks("2023-12-31T23:59:59.9999999Z")) == datetime(
        2023, 12, 31, 23, 59, 59, 999999, UTC
    )
    assert instant.moment(instant.ticks("1969-12-31T23:59:59.9999999Z")).microsecond == 999999


@pytest.mark.parametrize("text", ["", "2024", "2024-02-30T00:00:00Z", "2024-05-01 00:00:00Z", "٢٠٢٤-05-01T00:00:00Z"])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(ValueError):
        instant.ticks(text)


def test_the_kelvin_sign_names_another_package_than_its_ascii_twin() -> None:
    assert catalog.package_key("AWSSDK.Core") == "awssdk.core"
    assert catalog.package_key("AWSSD\u212a.Core") == "awssd\u212a.core"
    assert catalog.package_key("\u0130\u00c4") == "\u0130\u00e4", "a letter whose lower case is two letters stays"


@given(st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0x24F, exclude_characters="\u0130")))
def test_keys_are_the_oracles(text: str) -> None:
    assert catalog.package_key(text) == oracle.package_key(text)


def event(one: Event, **changes: Any) -> catalog.Event:
    leaf = {key: value for key, value in (one.leaf | changes).items() if value is not ...}
    return catalog.event(Item.read(one.item), json.dumps(leaf).encode())


@given(st.sampled_from(IDS), st.sampled_from(VERSIONS), st.sampled_from(DECLARATIONS), st.booleans())
def test_an_event_says_what_the_oracle_reads(package: str, text: str, said: dict[str, Any], is_delete: bool) -> None:
    one = delete(package, text, 7) if is_delete else details(package, text, 7, **said)
    found = event(one)
    row = oracle.replay([one])[0][one.key]
    assert (found.package_key, found.version_key) == one.key
    assert found.commit == one.commit
    assert found.is_prerelease == row["is_prerelease"]
    for name in ("license_expression", "license_file", "license_url", "project_url", "created"):
        assert is_delete or getattr(found.leaf, name) == row[name]
    assert is_delete or found.leaf.is_listed == row["listed"]


ONE = details("A", "1.0.0", 7)


def test_a_time_that_came_as_an_array_counts_as_its_first_text() -> None:
    told = event(ONE, created=["2015-03-10T00:04:00.268Z", "other"], published=["2015-03-10T00:04:01Z"]).leaf
    assert str(told.created) == "2015-03-10 00:04:00.268000+00:00"
    assert str(told.published) == "2015-03-10 00:04:01+00:00"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"@type": "Package"}, "neither PackageDetails nor PackageDelete: Package"),
        ({"@type": ["PackageDelete"]}, "announced a details leaf, but this is a delete leaf"),
        ({"id": "B"}, "this is a leaf of B 1.0.0"),
        ({"version": "1.0.1"}, "this is a leaf of A 1.0.1"),
        ({"version": "one"}, "is not a NuGet version"),
        ({"version": ...}, "version"),
        ({"listed": "true"}, "listed"),
        ({"listed": ..., "published": ...}, "neither listed nor published"),
        ({"catalog:commitTimeStamp": "2024-05-01T00:00:01Z"}, "the page says it was committed at"),
        ({"licenseUrl": {"@id": "x"}}, "licenseUrl"),
        ({"published": "yesterday"}, "is not a timestamp"),
        ({"published": "0001-01-01T00:00:00+05:00"}, "a time before the year 1"),
        ({"id": "\u00e4" * 600}, "longer than 1000 bytes"),
    ],
)
def test_a_leaf_that_breaks_its_shape_is_a_value_error_with_its_place(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        event(ONE, **changes)


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"licenseUrl": ["", "http://a", "http://b"]}, "license_url", None),
        ({"licenseUrl": [1, "http://a"]}, "license_url", "http://a"),
        ({"licenseExpression": ""}, "license_expression", None),
        ({"licenseFile": "a\0b"}, "license_file", "a\ufffdb"),
        ({"licenseUrl": "cut \ud83d"}, "license_url", "cut \ufffd"),
        ({"description": "cut \ud83d"}, "license_url", None),
        ({"lastEdited": "whenever", "unknown": [None]}, "license_url", None),
        ({"id": "Old", "originalId": "A"}, "original_id", "A"),
    ],
)
def test_a_leaf_with_an_oddity_is_read(changes: dict[str, Any], name: str, value: str | None) -> None:
    assert getattr(event(ONE, **changes).leaf, name) == value


@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from(("1.0", "1.0.0+x", "what")), st.integers(0, 3))))
def test_newest_keeps_all_that_can_still_matter(drawn: list[tuple[str, str, int]]) -> None:
    events = [
        (delete if place % 2 else details)(package, text, commit, name=str(place))
        for place, (package, text, commit) in enumerate(drawn)
    ]
    items = [Item.read(one.item) for one in events]
    kept = catalog.newest(items)
    assert kept == sorted(kept, key=lambda item: (item.commit, item.url))
    urls = {item.url for item in kept}
    good = [one for one in events if one.item["nuget:version"] != "what"]
    assert oracle.replay(good) == oracle.replay(one for one in good if one.url in urls)
    assert {one.url for one in events if one not in good} <= urls, "what cannot be read is rejected, not passed over"


def test_a_page_that_breaks_its_shape_says_where() -> None:
    with pytest.raises(UpstreamChanged, match=r"page http://x is not as promised: commitTimeStamp: Field required"):
        catalog.parse(Page, b'{"@id": "http://x", "items": []}', "http://x")


@pytest.mark.parametrize("stamp", [5, 17_145_216_000_000_000, 0.5, True])
def test_a_number_is_no_stamp_of_a_page(stamp: float) -> None:
    entry = {"@id": "http://x/page0.json", "commitTimeStamp": stamp}
    index = {"@id": "http://x", "@type": [], "commitTimeStamp": "2024-05-01T00:00:00Z", "items": [entry]}
    with pytest.raises(UpstreamChanged, match=r"items\.0\.commitTimeStamp: a number is not a timestamp"):
        catalog.parse(Index, json.dumps(index).encode(), "http://x")


def documents(kind: str) -> list[Path]:
    return sorted(path for path in (REAL / kind).rglob("*") if path.suffix == ".json") if REAL.is_dir() else []


beside = pytest.mark.skipif(not REAL.is_dir(), reason="no folder of real documents lies beside this checkout")


@beside
def test_every_real_leaf_is_read_as_the_oracle_reads_it() -> None:
    read = 0
    for path in documents("leaves"):
        for leaf in leaves_in(json.loads(path.read_bytes())):
            found = LEAF.validate_python(leaf)
            item = {
                "@id": leaf["@id"],
                "@type": f"nuget:{'PackageDelete' if found.kind == 'delete' else 'PackageDetails'}",
                "commitTimeStamp": leaf["catalog:commitTimeStamp"],
                "nuget:id": leaf["id"],
                "nuget:version": leaf["version"],
            }
            one = Event(item, leaf)
            got = catalog.event(Item.read(item), json.dumps(leaf).encode())
            assert (got.package_key, got.version_key) == one.key, path
            assert got.commit == one.commit, path
            read += 1
    assert read >= 20


def leaves_in(document: Any) -> list[dict[str, Any]]:
    """A file may be one leaf."""
    is_leaf = isinstance(document, dict) and {"catalog:commitTimeStamp", "version", "@type"} <= document.keys()
    return [document] if is_leaf else []


@beside
def test_every_real_page_and_index_is_read() -> None:
    read = 0
    for kind, folder in ((Page, "pages"), (Index, "index")):
        for path in documents(folder):
            document = json.loads(path.read_bytes())
            if not isinstance(document, dict) or "items" not in document or "commitTimeStamp" not in document:
                continue
            if folder == "index" and "CatalogRoot" not in document.get("@type", []):
                continue
            found = catalog.parse(kind, path.read_bytes(), str(path))
            lines = found.items if isinstance(found, Page) else found.pages
            assert len(lines) == len(document["items"])
            assert [line.commit for line in lines] == [oracle.ticks(i["commitTimeStamp"]) for i in document["items"]]
            read += 1
    assert read >= 3
