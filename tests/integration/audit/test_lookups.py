"""Versions that no database holds are looked up once, at one source, and kept apart from what the catalog brings."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pkgintel import cli
from pkgintel import database as db
from tests.support.answers import Answer
from tests.support.archives import archive
from tests.support.audits import spdx
from tests.support.feeds import LocalFeed
from tests.support.text_hosts import sample

LINES = "Open 1.0.0\nOpen 2.0.0\nFile 1.0.0\nGone 1.0.0\nOwn.Core 1.0.0\n"


@pytest.fixture
def feed() -> Iterator[LocalFeed]:
    with LocalFeed() as running:
        running.add("Open", "1.0.0", "MIT")
        running.add("Open", "2.0.0", "Apache-2.0 OR MIT")
        running.add("File", "1.0.0", file="LICENSE.txt")
        yield running


@pytest.fixture
def folder(folder: Path) -> Path:
    """With a list of what is looked up."""
    (folder / "list.txt").write_text(LINES)
    return folder


def audit(*words: str) -> Result:
    return CliRunner().invoke(cli.pkgintel, ["audit", *words])


def report(*words: str) -> dict[str, Any]:
    result = audit(*words, "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    return found | {"exit_code": result.exit_code, "verdicts": _verdicts(found)}


def _verdicts(found: dict[str, Any]) -> dict[str, str]:
    return {f"{one['package_id']} {one['version']}": one["rule"] for one in found["packages"]}


def test_a_version_costs_one_request_and_the_next_audit_none(
    folder: Path, feed: LocalFeed, conn: db.Connection
) -> None:
    words = ("list.txt", "--source", feed.index, "--spdx", spdx(folder), "--private", "Own.*")
    before = conn.execute("SELECT count(*) AS n FROM raw.nuget_packages").fetchone()
    first = report(*words)
    assert first["verdicts"] == {
        "File 1.0.0": "text-not-read-yet",
        "Gone 1.0.0": "not-found",
        "Open 1.0.0": "expression-open",
        "Open 2.0.0": "expression-open",
        "Own.Core 1.0.0": "private",
    }
    assert first["exit_code"] == 0
    assert sorted(feed.looked_up) == [
        "/flat/file/1.0.0/file.nuspec",
        "/flat/gone/1.0.0/gone.nuspec",
        "/flat/open/1.0.0/open.nuspec",
        "/flat/open/2.0.0/open.nuspec",
    ]
    feed.forget()
    second = report(*words)
    assert second["verdicts"] == first["verdicts"]
    assert feed.looked_up == []
    assert conn.execute("SELECT count(*) AS n FROM raw.nuget_packages").fetchone() == before
    assert conn.execute("SELECT count(*) AS n FROM ops.watermarks").fetchone() == {"n": 0}


def test_looking_for_open_versions_takes_less_than_a_tenth_of_the_requests(folder: Path, feed: LocalFeed) -> None:
    for number in range(190):
        feed.add(f"P{number}", "1.0.0", file="LICENSE") if number % 4 else feed.add(f"P{number}", "1.0.0", "BUSL-1.1")
    (folder / "list.txt").write_text("".join(f"P{number} 1.0.0\n" for number in range(190)))
    found = report("list.txt", "--source", feed.index, "--spdx", spdx(folder))
    assert (len(feed.looked_up), found["summary"]["breaches"]) == (190, 48)
    assert len(feed.requests) == found["requests"] <= 1.1 * 190
    asked = {request.path for request in feed.requests} - {*feed.looked_up, "/v3/index.json"}
    assert asked <= {f"/flat/p{number}/index.json" for number in range(0, 190, 4)}  # Breaches go first.
    assert any("no open version was looked for below 173 versions" in note for note in found["notes"])


def test_offline_sends_nothing(folder: Path, feed: LocalFeed) -> None:
    found = report("list.txt", "--source", feed.index, "--offline", "--no-database")
    assert found["exit_code"] == 3
    assert set(found["verdicts"].values()) == {"not-looked-up"}
    assert feed.requests == []


def test_a_source_that_wants_a_password(folder: Path, feed: LocalFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    feed.add("Packed", "1.0.0", file="LICENSE")
    feed.put("/flat/packed/1.0.0/packed.1.0.0.nupkg", archive({"LICENSE": sample("mit")}))
    documents = {path: feed._scripts[path][0].body for path in feed._scripts}
    feed._scripts.clear()

    def answer(path: str) -> Any:
        said = next(one for one in reversed(feed.requests) if one.path == path).headers.get("authorization")
        if said != "Basic YW5uYTpzZWNyZXQtNDcxMQ==":
            return Answer(status=401)
        return documents.get(path)

    feed.fallback = answer
    words = ("list.txt", "--source", feed.index, "--spdx", spdx(folder), "--no-database")
    refused = audit(*words)
    assert refused.exit_code == 3
    assert "answered 401" in refused.stdout
    (folder / "nuget.config").write_text(
        f"""<configuration><packageSources><add key="Our feed" value="{feed.index}" /></packageSources>
        <packageSourceCredentials><Our_x0020_feed><add key="Username" value="anna" />
        <add key="ClearTextPassword" value="%FEED_PASSWORD%" /></Our_x0020_feed></packageSourceCredentials>
        <packageSourceMapping><packageSource key="Our feed"><package pattern="*" /></packageSource>
        <packageSource key="elsewhere"><package pattern="Own.*" /></packageSource></packageSourceMapping>
        </configuration>"""
    )
    monkeypatch.setenv("FEED_PASSWORD", "secret-4711")
    named = audit("list.txt", "--source", "our feed", *words[3:], "--json")
    assert _verdicts(json.loads(named.stdout))["Open 1.0.0"] == "expression-open"
    assert _verdicts(json.loads(named.stdout))["Own.Core 1.0.0"] == "private"
    assert "secret" not in named.output
    assert not [path for path in feed.looked_up if "own" in path]
    (folder / "list.txt").write_text("Packed 1.0.0\n")
    packed = audit("list.txt", "--source", "our feed", *words[3:], "--texts", "--json")
    assert _verdicts(json.loads(packed.stdout))["Packed 1.0.0"] == "text-open"


def test_a_source_that_falls_silent_is_not_asked_for_ever(folder: Path, feed: LocalFeed) -> None:
    (folder / "list.txt").write_text("".join(f"P{number} 1.0.0\n" for number in range(300)))
    feed.fallback = lambda _: Answer(status=403)
    found = report("list.txt", "--source", feed.index, "--spdx", spdx(folder))
    assert found["exit_code"] == 3
    assert found["summary"]["not_looked_up"] == 300
    assert len(feed.looked_up) < 150
    assert any("300 versions not looked up" in note for note in found["notes"])


@pytest.mark.parametrize(
    "body",
    [b"<package/>", b"no xml", b"<!DOCTYPE a><package/>", b"<package><metadata><id>Other</id>", b"\0" * 2_000_000],
)
def test_a_nuspec_that_is_none_leaves_the_version_undecided(folder: Path, feed: LocalFeed, body: bytes) -> None:
    feed.put("/flat/open/1.0.0/open.nuspec", body)
    found = report("list.txt", "--source", feed.index, "--spdx", spdx(folder))
    assert found["verdicts"]["Open 1.0.0"] == "not-looked-up"
    assert found["verdicts"]["Open 2.0.0"] == "expression-open"


def test_the_last_open_version_and_the_range_that_stays_with_it(folder: Path, feed: LocalFeed) -> None:
    for minor in range(30):
        feed.add("Moved", f"1.{minor}.0", "Apache-2.0")
    feed.add("Moved", "2.0.0-beta", "Apache-2.0")
    for minor in range(5):
        feed.add("Moved", f"2.{minor}.0", file="LICENSE")
    (folder / "list.txt").write_text("Moved 2.4.0\n")
    feed.forget()
    found = report("list.txt", "--source", feed.index, "--spdx", spdx(folder))
    assert found["packages"][0]["last_open_version"] == "1.29.0"
    assert found["packages"][0]["keep_range"] == "[1.29.0,2.0.0)"
    assert len(feed.looked_up) <= 10


KINDS = ("table", "json", "csv", "sarif", "junit", "markdown", "cyclonedx", "html")
CHANGING = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?|\"requests\": ?\d+|(;| ·) \d+ names asked of [^\s<]+")


def outputs(folder: Path, *words: str) -> dict[str, str]:
    """All outputs of one audit but for when it ran and what it asked for."""
    files = [part for kind in KINDS for part in ("--output", kind, "--out", str(folder / f"out.{kind}"))]
    found = {"pins": audit("list.txt", *words, "--pins", *files).stdout}
    found |= {kind: (folder / f"out.{kind}").read_text() for kind in KINDS}
    return {kind: CHANGING.sub("", said) for kind, said in found.items()}


def test_a_second_audit_names_the_same_open_version_and_asks_nobody(
    folder: Path, feed: LocalFeed, conn: db.Connection
) -> None:
    for major in range(1, 4):
        feed.add("Moved", f"{major}.0.0", "Apache-2.0" if major < 3 else "BUSL-1.1")
    for major in range(1, 60):
        feed.add("Shut", f"{major}.0.0", "BUSL-1.1")
    (folder / "list.txt").write_text(LINES + "Moved 3.0.0\n" + "".join(f"Shut {n}.0.0\n" for n in range(20, 60)))
    words = ("--source", feed.index, "--spdx", spdx(folder))
    first = outputs(folder, *words)
    assert {kind for kind, said in first.items() if "2.0.0,3.0.0" in said} == {"pins", *KINDS} - {"cyclonedx"}
    assert "to spare the source the requests" in first["json"]
    feed.forget()
    assert outputs(folder, *words) == first
    assert feed.requests == []
    assert outputs(folder, *words, "--offline") == first


def test_a_stored_version_is_not_looked_up(folder: Path, feed: LocalFeed, conn: db.Connection) -> None:
    conn.execute(
        """INSERT INTO raw.read_versions (package_key, version_key, package_id, version, license_expression, listed,
               is_prerelease, sort_key, details_ticks, details_url, raw)
           VALUES ('open', '1.0.0', 'Open', '1.0.0', 'BUSL-1.1', true, false, decode(repeat('00', 17), 'hex'), 1,
                   'https://c.example/leaf.json', '{}')"""
    )
    found = report("list.txt", "--source", feed.index, "--spdx", spdx(folder))
    first = next(one for one in found["packages"] if one["version"] == "1.0.0" and one["package_id"] == "Open")
    assert (first["source"], first["verdict"], first["decision"]) == ("database", "proprietary", "breach")
    assert first["document_url"] == "https://c.example/leaf.json"
    assert "/flat/open/1.0.0/open.nuspec" not in feed.looked_up
    assert found["exit_code"] == 1


def test_nothing_is_claimed_across_a_version_that_stands_unread(
    folder: Path, feed: LocalFeed, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # What is piped is not wrapped, unless somebody sets a width.
    for version, place, file in (("1.0.0", "01", None), ("2.0.0", "03", "LICENSE")):
        conn.execute(
            """INSERT INTO raw.read_versions (package_key, version_key, package_id, version, license_expression,
                   license_file, listed, is_prerelease, sort_key, details_ticks, details_url, raw)
               VALUES ('moved', %(version)s, 'Moved', %(version)s, %(open)s, %(file)s, true, false,
                       decode(repeat(%(place)s, 17), 'hex'), 1, 'https://c.example/leaf.json', '{}')""",
            {"version": version, "place": place, "file": file, "open": None if file else "MIT"},
        )
    (folder / "list.txt").write_text("Moved 2.0.0\n")
    words = ("list.txt", "--source", feed.index, "--spdx", spdx(folder))
    assert report(*words)["packages"][0]["keep_range"] == "[1.0.0,2.0.0)"
    conn.execute(
        """INSERT INTO raw.unread_versions (details_ticks, package_key, version_key, package_id, version, sort_key,
               is_prerelease, details_url)
           VALUES (1, 'moved', '1.5.0', 'Moved', '1.5.0', decode(repeat('02', 17), 'hex'), false, 'https://c.example/2')"""
    )
    found = report(*words)["packages"][0]
    assert (found["last_open_version"], found["keep_range"]) == ("1.0.0", None)
    assert "1.5.0 above it is not read" in audit(*words).stdout
