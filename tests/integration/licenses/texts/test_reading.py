"""What the reader says of license texts: whole ones, several in one, and texts that are none."""

import json
import sys
import tracemalloc
from time import process_time

import pytest

from pkgintel.licenses.texts import library
from pkgintel.licenses.texts.reading import MOST_SECONDS
from tests.support.license_texts import COMMON, NOTICE, collected, meaning, reading, written

MIT = written("MIT")


@pytest.mark.parametrize("license_id", COMMON)
def test_a_text_that_spdx_lists_is_that_license(license_id: str) -> None:
    found = reading(written(license_id))
    assert (found.status, found.method) in {("matched", "aligned"), ("matched", "exact")}
    assert license_id in found.licenses[0].split(" OR ")
    assert found.differences == ()


def test_the_digest_is_of_the_bytes() -> None:
    assert reading(b"").sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert reading(MIT).sha256 != reading(MIT + "\n").sha256


def test_what_differs_is_shown() -> None:
    found = reading(MIT.replace("without restriction", "for evaluation only"))
    assert (found.status, found.expression) == ("differs", "MIT")
    assert ["for evaluation only" in one.added for one in found.differences] == [True]
    assert json.loads(json.dumps(found.evidence()))["differences"][0]["missing"].endswith("without restriction")


def test_two_licenses_in_one_text_hold_together() -> None:
    found = reading(MIT + "\n\n" + written("MS-PL"))
    assert found.expression == "MIT AND MS-PL"
    assert meaning(MIT + "\n\n" + written("CC-BY-NC-4.0")) == "closed"


def test_what_stands_beside_two_licenses_must_be_explained() -> None:
    assert meaning(MIT + "\n\nUse it on Sundays.\n\n" + written("MS-PL")) == "undecided"


def test_a_gnu_text_stands_for_this_version_and_for_later_ones() -> None:
    assert reading(written("GPL-3.0-only")).expression == "GPL-3.0-only OR GPL-3.0-or-later"


def test_a_notice_that_was_reviewed_is_known_by_its_words() -> None:
    found = reading("This software is distributed under the MIT License.")
    assert (found.status, found.method, found.expression) == ("matched", "fingerprint", "MIT")


@pytest.mark.parametrize("license_id", ["CC-BY-NC-4.0", "BUSL-1.1", "Elastic-2.0", "PolyForm-Noncommercial-1.0.0"])
def test_a_closed_license_is_closed(license_id: str) -> None:
    assert meaning(written(license_id)) == "closed"


@pytest.mark.parametrize("text", ["", " \n\n", "All rights reserved.", "Hello", "404: Not Found"])
def test_a_text_that_is_no_license_is_undecided(text: str) -> None:
    assert (reading(text).status, meaning(text)) == ("none", "undecided")


def test_the_licenses_of_the_list_are_read_from_their_own_words() -> None:
    texts = [one for one in library.library().templates if one.kind == "text"]
    names = [one.licenses[0] for one in texts if len(one.words) < 400]
    missed = [name for name in names if reading(written(name)).status != "matched"]
    assert len(missed) < 0.05 * len(names), missed


HOSTILE = {
    "one megabyte of nested html": b"<div>" * 200_000,
    "open tags": b"<" * 200_000,
    "scripts": b"<script>" * 28_000,
    "rich text nested deep": b"{\\rtf1" + b"{\\b " * 100_000,
    "rich text that is one control word": b"{\\rtf1\\" + b"a" * 199_000,
    "an archive": b"PK\x03\x04" + bytes(range(256)) * 4_000,
    "letters without a space": b"a" * 200_000,
    "dots": b"a." * 100_000,
    "mailboxes": b"a@" * 100_000,
    "addresses": b"http://" * 28_000,
    "links": b"[a](" * 50_000,
    "entities": b"&amp;" * 40_000,
    "one word": b"permission " * 18_000,
    "notices": b"Copyright (c) 2020 Jane Doe\n" * 7_000,
    "a license again and again": MIT.encode() * 150,
    "its words shuffled": " ".join(sorted(MIT.split() * 100)).encode(),
    "titles": b"MIT License\n" * 16_000,
    "bullets": b"1. a) *\n" * 25_000,
    "combining marks": ("a" + "\u0301" * 50).encode() * 3_000,
    "too many bytes": b"a " * 600_000,
    "every license": "\n\n".join(written(name) for name in (*COMMON, "GPL-2.0-only", "GPL-3.0-only")).encode(),
    "bytes of no encoding": bytes(range(128, 256)) * 1_500,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_read_in_bounded_time_and_memory(name: str) -> None:
    body = HOSTILE[name]
    library.library()
    tracemalloc.start()
    started = process_time()
    found = reading(body)
    seconds = process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 12 * MOST_SECONDS  # Tracing memory makes the reader several times slower.
    assert peak < 100_000_000
    assert meaning(body) != "open" or name in {"a license again and again", "every license"}, found


def test_more_than_is_read_is_said() -> None:
    assert reading(b"a" * 1_000_001).status == "too-long"
    assert reading(b"a " * 100_001).status == "too-long"
    assert reading(b"PK\x03\x04").status == reading(b"MIT\x00License").status == "not-text"


@pytest.mark.skipif(not collected(), reason="the collected license texts do not lie beside the checkout")
def test_the_collected_texts_are_read_as_a_careful_reader_reads_them() -> None:
    words = {"open": "open_source", "closed": "proprietary", "undecided": "unknown"}
    truth = [(one, words[meaning(one.path.read_bytes())]) for one in collected() if one.group == "truth"]
    decided = sum(one.packages for one, verdict in truth if verdict != "unknown")
    right = sum(one.packages for one, verdict in truth if verdict == one.says)
    assert decided / sum(one.packages for one, _ in truth) >= 0.95
    assert right / decided >= 0.995


@pytest.mark.skipif(not collected(), reason="the collected license texts do not lie beside the checkout")
def test_no_closed_text_that_was_collected_is_called_open() -> None:
    closed = [one for one in collected() if one.says in {"proprietary", "not open_source"}]
    assert len(closed) > 40
    assert [one.path.name for one in closed if meaning(one.path.read_bytes()) == "open"] == []
    undecided = [one for one in collected() if one.group == "hard-negative" and one.says == "unknown"]
    assert [one.path.name for one in undecided if meaning(one.path.read_bytes()) == "open"] == []


@pytest.mark.skipif(not collected(), reason="the collected license texts do not lie beside the checkout")
def test_a_text_takes_milliseconds() -> None:
    library.library()
    seconds = []
    for body in [one.path.read_bytes() for one in collected()]:
        started = process_time()
        reading(body)
        seconds.append(process_time() - started)
    assert max(seconds) < 1
    if sys.gettrace() is None:  # Coverage follows every line, which takes some four times as long.
        assert sorted(seconds)[int(0.95 * len(seconds))] < 0.06  # 0.02 on a machine that does nothing else.


def test_the_holder_is_not_compared() -> None:
    assert meaning(MIT.replace(NOTICE, "Copyright © Contoso Ltd. All rights reserved.")) == "open"
