"""A page of the usual shape is read in columns, any other line by line; both say the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgintel.errors import UpstreamChanged
from pkgintel.nuget import listing
from pkgintel.nuget.instant import ticks
from pkgintel.nuget.listing import Listing
from tests.support.oddities import WRONG

URL = "https://a.example/page0.json"
LATEST = ticks("2026-10-02T00:00:00Z")
HEADER = {"@id": URL, "commitTimeStamp": "2026-10-01T12:28:29.94Z", "count": 2}
LINE = {
    "@id": "https://a.example/1", "@type": "nuget:PackageDetails", "commitTimeStamp": "2026-10-01T12:28:29.9400959Z",
    "nuget:id": "P", "nuget:version": "1.0.0", "commitId": "c",
}  # fmt: skip
SPECIAL = {
    "@type": ["nuget:PackageDelete", "PackageDelete", "PackageDetails", ["x", "PackageDetails"], "Details", None, 1],
    "commitTimeStamp": ["2026-10-01", "2026-10-03T00:00:00Z", "0001-01-01T00:00:00Z", "2026-10-01T12:28:29+02:00", 1],
    "@id": ["", "2.json", "https://a.example/" + "x" * 1982, "https://a.example/" + "x" * 1983, "http://é.example/"],
    "nuget:id": ["", "a" * 1000, "a" * 1001, "é", "é" * 501, "\0", "\ud800", ["P"], "P\\", None],
    "nuget:version": ["", "no version", "1" * 500, "1" * 501, 1.0, ["2.0.0", "1.0.0"]],
}
CHANGED = [LINE | {key: value} for key, values in SPECIAL.items() for value in values]
LINES: list[Any] = [LINE, *CHANGED, *(LINE | change for change in WRONG), None, [], "x", {}]


def read(document: dict[str, Any]) -> Listing | str:
    try:
        return listing.parse(
            json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass"), URL, URL, LATEST
        )
    except UpstreamChanged as error:
        return str(error)


def both(document: dict[str, Any]) -> tuple[Listing | str, Listing | str]:
    """What a document is read as, and what line by line: an escape or a letter beyond ASCII keeps it from columns."""
    escaped, beyond = (read(document | {"x": letter}) for letter in ("\1", "é"))
    assert escaped == beyond
    return read(document), beyond


def test_each_odd_line_is_read_the_same_in_columns_and_line_by_line() -> None:
    for line in LINES:
        found, by_lines = both(HEADER | {"items": [LINE, line]})
        assert found == by_lines, line


@given(st.lists(st.sampled_from(LINES)))
def test_any_lines_are_read_the_same_in_columns_and_line_by_line(lines: list[Any]) -> None:
    found, by_lines = both(HEADER | {"items": lines})
    assert found == by_lines


@pytest.mark.parametrize("header", [{"count": -1}, {"commitTimeStamp": "2026-10-03T00:00:00Z"}, {"@id": 1}])
def test_a_header_that_breaks_its_shape_is_said_the_same(header: dict[str, Any]) -> None:
    found, by_lines = both(HEADER | {"items": [LINE]} | header)
    assert isinstance(found, str)
    assert found == by_lines


def test_a_page_of_the_usual_shape_is_read_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_line", None)
    found = read(HEADER | {"items": [LINE, LINE | {"@type": "nuget:PackageDelete", "nuget:id": "Q"}]})
    assert isinstance(found, Listing)
    assert [(one.package_id, one.kind) for one in found.items] == [("P", "details"), ("Q", "delete")]
