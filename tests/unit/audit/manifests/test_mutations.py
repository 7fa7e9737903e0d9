"""Manifests that were damaged on the way: what is in them, or one sentence, and nothing else."""

import copy
import json
import random
from contextlib import suppress

import pytest

from pkgintel.audit.formats import bom_json, junit, markdown, page, rows, sarif, whole
from pkgintel.audit.manifests import sniff
from pkgintel.audit.manifests.graph import Ways
from pkgintel.errors import ManifestUnreadable, SettingsError
from tests.support import audits
from tests.support.audits import report
from tests.unit.audit.manifests.test_bills import CYCLONEDX
from tests.unit.audit.manifests.test_formats import ASSETS, LOCK

XML = b"""<?xml version="1.0"?><packages><package id="A" version="1.0" developmentDependency="true"/></packages>"""
PROJECT = (
    b"""<Project Sdk="S/1.0.0"><ItemGroup><PackageReference Include="A;B" Version="$(V)"/></ItemGroup></Project>"""
)
TREES = (LOCK, ASSETS, CYCLONEDX)
BYTES = (XML, PROJECT, b"pkg:nuget/A@1.0\nB 2.0 # x\n", *(json.dumps(one, indent=1).encode() for one in TREES))
ODD: tuple[object, ...] = (
    None, True, 0, 1e308, "", [], {}, "x" * 500, "\0", "=1+1", "pkg:nuget/A@", "pkg:nuget/a/b@1", "../../x",
    "1.0.0.0.0", "99999999999.0", ["a"], {"a": {"b": [1]}}, "\u202eA", "Project",
)  # fmt: skip
TOKENS = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"null",
    b"\0",
    b"\xff\xfe",
    b"<",
    b"&#0;",
    b"%40",
    b"\\ud800",
    b"$(V)",
    b"]]>",
    b"\n",
)


def damaged(chance: random.Random) -> bytes:
    """One of the documents with a few values or bytes exchanged."""
    if chance.random() < 0.5:
        tree = copy.deepcopy(chance.choice(TREES))
        for _ in range(chance.choice((1, 3))):
            node: object = tree
            while isinstance(node, dict | list) and node:
                key = chance.choice(list(node)) if isinstance(node, dict) else chance.randrange(len(node))
                if not isinstance(node[key], dict | list) or chance.random() < 0.3:
                    node[key] = copy.deepcopy(chance.choice(ODD))
                    break
                node = node[key]
        return json.dumps(tree).encode()
    body = bytearray(chance.choice(BYTES))
    for _ in range(chance.choice((1, 2, 5))):
        place = chance.randrange(len(body) + 1)
        body[place : place + chance.choice((0, 1, 30))] = chance.choice(TOKENS)
    return bytes(body)


def outcome(body: bytes) -> str:
    """The sentence that refuses a document; empty where it was read."""
    try:
        sniff.read(body)
    except ManifestUnreadable as error:
        return str(error)
    return ""


def written(body: bytes) -> None:
    """Every report of what is in a document can be written; a bill of materials may have no place for verdicts."""
    found = report(body, "x")
    for document in (whole, rows, sarif, junit, markdown, page):
        assert audits.written(document.write(found))
    with suppress(SettingsError):
        assert audits.written(bom_json.write(found))


def test_damaged_manifests_are_read_or_refused() -> None:
    chance = random.Random(4711)
    bodies = [damaged(chance) for _ in range(600)]
    said = {body: outcome(body) for body in bodies}
    assert [says for says in said.values() if "\n" in says] == []
    read = [body for body, says in said.items() if not says]
    assert len(read) > 200
    for body in read[::15]:
        written(body)


def test_a_chain_of_a_hundred_thousand_packages_takes_no_time() -> None:
    ways = Ways(["0"], {str(number): [str(number + 1)] for number in range(100_000)})
    found = [ways.to(str(number)) for number in range(100_000)]
    assert found[2] == ("0", "1", "2")
    assert (found[99_999][:2], found[99_999][-1], len(found[99_999])) == (("0", "…"), "99999", 22)


@pytest.mark.parametrize("count", [25_001, 24_999])
def test_more_packages_than_any_solution_has_are_refused(count: int) -> None:
    body = "".join(f"P{number} 1.0\n" for number in range(count)).encode()
    if count < 25_000:
        assert sniff.read(body).packages == count
    else:
        with pytest.raises(ManifestUnreadable, match="it requires more than 25,000 packages"):
            sniff.read(body)
