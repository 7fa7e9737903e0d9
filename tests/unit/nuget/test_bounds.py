"""What an outsider may make grow, and how far: texts, lists, and the time and memory it takes to read them."""

import json
import time

import pytest

from pkgintel.errors import UpstreamChanged
from pkgintel.nuget import documents, listing
from pkgintel.nuget.documents import Item
from pkgintel.nuget.fields import is_dense, storable_json
from pkgintel.settings import Settings

STAMP = "2026-10-01T12:28:29.9400959Z"
LEAF = {"@type": ["PackageDetails"], "id": "P", "version": "1.0.0", "listed": True}
LINE = {"@id": "https://a.example/1", "@type": "nuget:PackageDetails", "commitTimeStamp": STAMP}
LINE |= {"nuget:id": "P", "nuget:version": "1.0.0"}
ITEM = Item.read(LINE)


@pytest.mark.parametrize("name", ["licenseExpression", "licenseUrl", "licenseFile"])
def test_a_declaration_is_ten_kilobytes_at_most(name: str) -> None:
    assert documents.event(ITEM, json.dumps(LEAF | {name: "é" * 5000}).encode())
    with pytest.raises(ValueError, match=rf"{name}\n.*longer than 10000 bytes"):
        documents.event(ITEM, json.dumps(LEAF | {name: "é" * 5000 + "x"}).encode())


def page(items: list[object]) -> bytes:
    return json.dumps({"@id": "p", "commitTimeStamp": STAMP, "items": items}).encode()


@pytest.mark.parametrize("odd", [False, True])
def test_a_page_holds_fifty_thousand_items_at_most(odd: bool) -> None:
    item: object = 1 if odd else LINE
    found = listing.parse(page([item] * 50_000), "p", "p", 2**62)
    assert found.lines == 50_000
    with pytest.raises(UpstreamChanged, match="50,001 items, more than the 50,000"):
        listing.parse(page([item] * 50_001), "p", "p", 2**62)


def test_a_document_is_sixteen_megabytes_at_most() -> None:
    assert Settings().max_page_bytes == Settings().max_leaf_bytes == 16_000_000


def test_many_values_are_seen_before_they_are_parsed() -> None:
    assert not is_dense(b"[" + b"1," * 998 + b"1]", 1000)
    assert is_dense(b"[" + b"1," * 1000 + b"1]", 1000)
    assert is_dense(b"[" * 1001, 1000)


@pytest.mark.parametrize(
    ("written", "held"),
    [
        (rb'"plain \n \\ \u00e9"', rb'"plain \n \\ \u00e9"'),
        (rb'"\u0000\uD83D\uDE00"', rb'"\ufffd\uD83D\uDE00"'),
        (rb'"\ud83d\ud83d\ude00\ude00"', rb'"\ufffd\ud83d\ude00\ufffd"'),
        (rb'"\\ud83d \\\ud83d"', rb'"\\ud83d \\\ufffd"'),
        (rb'{"\ude00\ud83d": "\\u0000"}', rb'{"\ufffd\ufffd": "\\u0000"}'),
    ],
)
def test_what_cannot_be_held_is_replaced_in_the_text(written: bytes, held: bytes) -> None:
    assert storable_json(written) == held


def test_a_leaf_of_a_million_keys_and_an_emoji_is_read_in_little_time() -> None:
    keys = b",".join(b'"k%d":1' % number for number in range(1_000_000))
    body = json.dumps(LEAF | {"x": "\U0001f600"}).encode()[:-1] + b"," + keys + b"}"
    begun = time.process_time()
    assert storable_json(body) == body
    assert documents.event(ITEM, body)
    assert storable_json(body[:-1] + rb',"y":"\ud83d"}') != body
    assert time.process_time() - begun < 2
