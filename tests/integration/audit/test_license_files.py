"""License files inside the versions of an audit are read once, within their time, and stored where they belong."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pkgintel import cli
from pkgintel import database as db
from pkgintel.licenses.texts import library
from pkgintel.pipeline import sync
from tests.support.archives import archive
from tests.support.audits import spdx
from tests.support.feeds import LocalFeed
from tests.support.text_hosts import sample

LINES = "Open 1.0.0\nMine 1.0.0\nTerms 1.0.0\nNone 1.0.0\nOwn.Core 1.0.0\n"


@pytest.fixture
def feed() -> Iterator[LocalFeed]:
    with LocalFeed() as running:
        running.add("Open", "1.0.0", "MIT")
        running.carry("Mine", "1.0.0", sample("mit"))
        running.carry("Terms", "1.0.0", sample("sample-eula"))
        running.add("None", "1.0.0", file="LICENSE")
        running.carry("Own.Core", "1.0.0", sample("mit"))
        yield running


@pytest.fixture
def folder(folder: Path) -> Path:
    """With a list of versions, and an SPDX list to judge them with."""
    (folder / "list.txt").write_text(LINES)
    spdx(folder)
    return folder


def report(feed: LocalFeed, *words: str) -> dict[str, Any]:
    """The audit as JSON, without when it was made."""
    feed.forget()
    words = ("audit", "list.txt", "--source", feed.index, "--private", "Own.*", "--json", *words)
    result = CliRunner().invoke(cli.pkgintel, words)
    found: dict[str, Any] = json.loads(result.stdout)
    found.pop("generated_at")
    found.pop("requests")
    return found


def rules(found: dict[str, Any]) -> dict[str, str]:
    return {one["package_id"]: one["rule"] for one in found["packages"]}


READ = {
    "Mine": "text-open",
    "None": "text-missing",
    "Open": "expression-open",
    "Own.Core": "private",
    "Terms": "text-none",
}
FILES = ["/flat/mine/1.0.0/license", "/flat/none/1.0.0/license", "/flat/terms/1.0.0/license"]


@pytest.mark.usefixtures("folder")
def test_without_a_database_they_are_read_for_this_audit_alone(feed: LocalFeed) -> None:
    words = ("--no-database", "--spdx", "licenses.json")
    assert rules(report(feed, *words))["Mine"] == "text-not-read-yet"
    assert feed.license_files == []
    found = report(feed, *words, "--texts")
    assert rules(found) == READ
    assert sorted(feed.license_files) == FILES
    mine = next(one for one in found["packages"] if one["package_id"] == "Mine")
    assert (mine["spdx_ids"], mine["evidence"]["text"]["license"]) == (["MIT"], "MIT")
    assert found["notes"] == []


@pytest.mark.usefixtures("folder")
def test_offline_reads_none(feed: LocalFeed) -> None:
    report(feed, "--texts", "--offline", "--no-database")
    assert feed.requests == []


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("words", [("--spdx", "licenses.json"), ()], ids=["a list given", "the list stored"])
def test_they_are_stored_apart_and_asked_for_once(feed: LocalFeed, conn: db.Connection, words: tuple[str, ...]) -> None:
    with conn.transaction():
        if not words:
            sync.rewrite(conn, library.license_list())
    first = report(feed, *words, "--texts")
    assert rules(first) == READ
    assert sorted(feed.license_files) == FILES
    for again in (("--texts",), (), ("--offline",)):
        assert report(feed, *words, *again) == first, again
        assert feed.requests == []
    kept = conn.execute("SELECT package_key, outcome FROM raw.looked_up_texts ORDER BY 1").fetchall()
    assert [(row["package_key"], row["outcome"]) for row in kept] == [
        ("mine", "have"),
        ("none", "missing"),
        ("terms", "have"),
    ]
    assert conn.execute("SELECT count(*) AS n FROM raw.license_texts").fetchone() == {"n": 2}
    for table in ("raw.text_sources", "raw.text_sightings", "enriched.texts_at_hand", "raw.nuget_packages"):
        assert conn.execute(f"SELECT count(*) AS n FROM {table}").fetchone() == {"n": 0}  # type: ignore[arg-type]  # noqa: S608


@pytest.mark.usefixtures("folder")
def test_those_of_versions_that_the_catalog_brought_are_stored_as_any_other(
    feed: LocalFeed, conn: db.Connection
) -> None:
    with conn.transaction():
        sync.rewrite(conn, library.license_list())
    conn.execute("INSERT INTO ops.catalog (name) VALUES (%s)", [feed.index])
    conn.execute(
        """INSERT INTO raw.read_versions (package_key, version_key, package_id, version, license_file, listed,
               is_prerelease, sort_key, details_ticks, details_url, raw)
           VALUES ('mine', '1.0.0', 'Mine', '1.0.0', 'LICENSE', true, false, decode(repeat('00', 17), 'hex'), 1,
                   'https://c.example/leaf.json', '{}')"""
    )
    first = report(feed, "--texts")
    mine = next(one for one in first["packages"] if one["package_id"] == "Mine")
    assert (mine["source"], mine["rule"]) == ("database", "text-open")
    assert "/flat/mine/1.0.0/license" in feed.license_files
    assert report(feed) == first
    assert feed.requests == []
    stands = conn.execute("SELECT kind, host, state, version FROM raw.text_sources").fetchall()
    assert [tuple(row.values()) for row in stands] == [("embedded", "packages", "have", "1.0.0")]
    assert conn.execute("SELECT count(*) AS n FROM enriched.texts_at_hand").fetchone() == {"n": 1}


@pytest.mark.usefixtures("folder")
def test_the_rest_is_not_read_when_the_time_is_over(feed: LocalFeed) -> None:
    feed.carry("Mine", "1.0.0", sample("mit"), hang=True)
    found = report(feed, "--no-database", "--spdx", "licenses.json", "--texts", "--texts-seconds", "0.4")
    assert rules(found)["Mine"] == "text-not-read-yet"
    (note,) = found["notes"]
    assert re.fullmatch(r"\d license files? not read: the 0\.4 seconds for them were over \(--texts-seconds\)", note)
    none = report(feed, "--no-database", "--spdx", "licenses.json", "--texts", "--texts-seconds", "0")
    assert feed.license_files == []
    assert none["notes"] == ["3 license files not read: the 0 seconds for them were over (--texts-seconds)"]


def packed(feed: LocalFeed, **behaviour: Any) -> str:
    """A version whose license file lies in its package alone, as feeds other than nuget.org have it; the path."""
    feed.add("Packed", "1.0.0", file="docs\\License.txt")
    path = "/flat/packed/1.0.0/packed.1.0.0.nupkg"
    feed.put(path, archive({"docs/License.txt": sample("mit")}, around=300_000), ranges=True, **behaviour)
    return path


@pytest.mark.usefixtures("folder")
def test_a_file_that_the_source_does_not_serve_is_read_out_of_its_package(feed: LocalFeed, folder: Path) -> None:
    (folder / "list.txt").write_text("Packed 1.0.0\nNone 1.0.0\n")
    path = packed(feed)
    words = ("--no-database", "--spdx", "licenses.json", "--texts")
    found = report(feed, *words)
    assert rules(found) == {"Packed": "text-open", "None": "text-missing"}
    text = next(one["evidence"]["text"] for one in found["packages"] if one["package_id"] == "Packed")
    assert text["asked"] == f"{feed.url(path)}#docs/License.txt"
    assert feed.count(path) == 3, "its beginning, its end and the file"


@pytest.mark.usefixtures("folder")
def test_what_was_read_out_of_a_package_is_stored_and_asked_for_once(
    feed: LocalFeed, folder: Path, conn: db.Connection
) -> None:
    (folder / "list.txt").write_text("Packed 1.0.0\n")
    packed(feed)
    first = report(feed, "--spdx", "licenses.json", "--texts")
    assert rules(first) == {"Packed": "text-open"}
    assert report(feed, "--spdx", "licenses.json", "--texts") == first
    assert feed.requests == []


@pytest.mark.usefixtures("folder")
def test_a_package_that_hangs_ends_with_the_time_for_files(feed: LocalFeed, folder: Path) -> None:
    (folder / "list.txt").write_text("Packed 1.0.0\n")
    packed(feed, hang=True)
    words = ("--no-database", "--spdx", "licenses.json", "--texts", "--texts-seconds", "1")
    found = report(feed, *words)
    assert rules(found) == {"Packed": "text-not-read-yet"}
    assert found["notes"] == ["1 license file not read: the 1 seconds for them were over (--texts-seconds)"]
