"""License texts from their source to a verdict: over a real server, in a real Postgres, step by step."""

from collections.abc import Iterator
from hashlib import sha256

import pytest

from pkgintel import database as db
from pkgintel.licenses.texts import reading, version
from tests.support.answers import Answer
from tests.support.archives import archive
from tests.support.hostile import HostileServer
from tests.support.text_hosts import TextBench, TextHost, sample

BLOB = "https://github.com/Contoso/Thing/blob/main/LICENSE"
RAW = "/Contoso/Thing/main/LICENSE"
PLACEHOLDER = "https://aka.ms/deprecateLicenseUrl"
CLAUSE = "Companies with more than ten employees"


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


@pytest.fixture
def host(server: HostileServer) -> TextHost:
    return TextHost(server)


@pytest.fixture
def bench(conn: db.Connection, host: TextHost, database: str) -> Iterator[TextBench]:
    bench = TextBench(conn, host, database)
    yield bench
    bench.close()


def test_a_text_inside_a_package_and_one_at_an_address_decide(bench: TextBench, host: TextHost) -> None:
    host.embedded("Inside", "1.0.0", sample("mit"))
    host.raw(RAW, sample("apache-2.0"), headers={"ETag": '"a"'})
    host.embedded("Other", "1.0.0", sample("mit-with-a-clause"))
    host.embedded("Eula", "1.0.0", sample("sample-eula"))
    bench.bring("Inside", licenseFile="LICENSE", licenseUrl=PLACEHOLDER)
    bench.bring("Other", licenseFile="LICENSE", licenseUrl=PLACEHOLDER)
    bench.bring("Eula", licenseFile="LICENSE", licenseUrl=PLACEHOLDER)
    bench.bring("Gone", licenseFile="LICENSE", licenseUrl=PLACEHOLDER)
    bench.bring("There", licenseUrl=BLOB)
    bench.bring("Also", licenseUrl="http://raw.github.com/Contoso/Thing/main/LICENSE#top")
    bench.classify()
    assert set(bench.verdicts().values()) == {("unknown", "text-not-read-yet"), ("unknown", "url-not-recognised")}

    assert bench.read() == {
        "Inside": ("open_source", "text-open"),
        "Other": ("unknown", "text-differs"),
        "Eula": ("unknown", "text-none"),
        "Gone": ("unknown", "text-missing"),
        "There": ("open_source", "text-open"),
        "Also": ("open_source", "text-open"),
    }
    assert sorted(host.asked()) == [
        RAW,
        "/v3-flatcontainer/eula/1.0.0/license",
        "/v3-flatcontainer/gone/1.0.0/gone.1.0.0.nupkg",
        "/v3-flatcontainer/gone/1.0.0/license",
        "/v3-flatcontainer/inside/1.0.0/license",
        "/v3-flatcontainer/other/1.0.0/license",
    ]
    text = bench.evidence("There")["text"]
    assert text["license"] == "Apache-2.0"
    assert text["asked"] == text["answered"] == f"https://raw.githubusercontent.com{RAW}"
    assert (text["mutable"], text["kind"], text["reader"]) == (True, "address", version.reader_version())
    assert bench.evidence("Inside")["text"]["mutable"] is False
    assert CLAUSE in str(bench.evidence("Other")["text"]["differences"])
    stored = bench.conn.execute("SELECT sha256, encode(sha256(bytes), 'hex') AS said FROM raw.license_texts").fetchall()
    assert len(stored) == 4
    assert all(row["sha256"] == row["said"] for row in stored)

    host.server.forget()
    bench.fetch()
    assert host.asked() == []
    assert bench.match().read == 0
    assert bench.classify().idle


def test_a_text_that_lies_in_the_package_alone_is_read_from_there(bench: TextBench, host: TextHost) -> None:
    host.package("Old", "1.0.0", archive({"docs/LICENSE.txt": sample("mit")}, around=200_000))
    host.package("Bomb", "1.0.0", archive({"LICENSE": bytes(2_000_000)}))
    host.package("Empty", "1.0.0", archive({"readme.txt": b"nothing"}))
    bench.bring("Old", licenseFile="docs\\license.txt", licenseUrl=PLACEHOLDER)
    bench.bring("Bomb", licenseFile="LICENSE", licenseUrl=PLACEHOLDER)
    bench.bring("Empty", licenseFile="LICENSE", licenseUrl=PLACEHOLDER)
    bench.bring("Nameless", licenseUrl=PLACEHOLDER)
    assert bench.read() == {
        "Old": ("open_source", "text-open"),
        "Bomb": ("unknown", "text-refused"),
        "Empty": ("unknown", "text-missing"),
        "Nameless": ("unknown", "text-missing"),
    }
    text = bench.evidence("Old")["text"]
    old = host.server.url("/v3-flatcontainer/old/1.0.0/")
    assert (text["asked"], text["answered"]) == (f"{old}license", f"{old}old.1.0.0.nupkg#docs/LICENSE.txt")
    assert (text["kind"], text["mutable"]) == ("embedded", False)
    assert "larger than 1,000,000 bytes" in bench.evidence("Bomb")["text"]["error"]
    assert "the package has no file 'LICENSE'" in bench.evidence("Empty")["text"]["error"]
    assert not any("nameless" in path and path.endswith(".nupkg") for path in host.asked())


def test_the_reader_of_another_day_reads_stored_bytes_and_decides_exactly_what_changed(
    bench: TextBench, host: TextHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.embedded("Inside", "1.0.0", sample("mit"))
    bench.bring("Inside", licenseFile="LICENSE", licenseUrl=PLACEHOLDER)
    bench.bring("Plain", licenseExpression="MIT")
    bench.read()
    host.server.stop()
    monkeypatch.setattr("pkgintel.pipeline.text_reading.reader_version", lambda: "2-new")
    assert bench.match().read == 1
    assert bench.classify().decided == 1
    assert bench.evidence("Inside")["text"]["reader"] == "2-new"
    assert bench.match().read == 0
    assert bench.classify().idle


def test_texts_are_read_batch_by_batch_and_so_is_what_comes_meanwhile(
    conn: db.Connection, bench: TextBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.bring("Plain", licenseExpression="MIT")
    bodies = sorted((b"text %d" % number for number in range(8)), key=lambda body: sha256(body).hexdigest())
    keep = "INSERT INTO raw.license_texts (sha256, bytes) VALUES (encode(sha256(%(body)s), 'hex'), %(body)s)"
    for body in bodies[1:]:
        conn.execute(keep, {"body": body})
    seen: list[bytes] = []

    def read(body: bytes) -> reading.Reading:
        if len(seen) == 4:
            conn.execute(keep, {"body": bodies[0]})
        seen.append(bytes(body))
        return found(body)

    found = reading.read
    monkeypatch.setattr(reading, "read", read)
    monkeypatch.setattr("pkgintel.pipeline.text_reading.BATCH", 2)
    assert bench.match().read == 8
    assert seen == [*bodies[1:], bodies[0]]
    assert bench.match().read == 0


def test_a_text_that_changes_is_recorded_with_both_digests_and_the_older_version_keeps_its_verdict(
    bench: TextBench, host: TextHost
) -> None:
    host.raw(RAW, sample("mit"), headers={"ETag": '"a"'})
    bench.bring("Thing", "1.0.0", licenseUrl=BLOB, created="2024-04-30T12:00:00Z")
    assert bench.read() == {"Thing": ("open_source", "text-open")}
    first = bench.evidence("Thing")["text"]["sha256"]

    host.raw(RAW, sample("sample-eula"), headers={"ETag": '"b"'})
    bench.conn.execute("UPDATE raw.text_sources SET next_at = now()")
    assert bench.read() == {"Thing": ("open_source", "text-open")}
    text = bench.evidence("Thing")["text"]
    assert text["sha256"] == first
    change = bench.conn.execute("SELECT * FROM enriched.verdict_changes WHERE cause = 'text'").fetchone()
    assert change is not None
    assert (change["from_text"], change["to_text"]) == (first, text["now"])

    bench.bring("Thing", "0.9.0", licenseUrl=BLOB, created="2020-01-01T00:00:00Z")
    bench.bring("Thing", "2.0.0", licenseUrl=BLOB, created="2099-01-01T00:00:00Z")
    bench.classify()
    rows = bench.conn.execute(
        "SELECT version, verdict, rule FROM enriched.version_verdicts ORDER BY sort_key"
    ).fetchall()
    assert [(row["version"], row["verdict"], row["rule"]) for row in rows] == [
        ("0.9.0", "unknown", "text-of-another-time"),
        ("1.0.0", "open_source", "text-open"),
        ("2.0.0", "unknown", "text-none"),
    ]


def test_an_unchanged_file_is_not_sent_again_and_a_pinned_one_not_asked_for(bench: TextBench, host: TextHost) -> None:
    pin = "0123456789abcdef0123456789abcdef01234567"
    host.raw(f"/Contoso/Pin/{pin}/LICENSE", sample("mit"))
    host.server.script(RAW, [Answer(sample("mit"), headers={"ETag": '"a"'}), Answer(status=304)])
    bench.bring("Thing", licenseUrl=BLOB)
    bench.bring("Pin", licenseUrl=f"https://github.com/Contoso/Pin/blob/{pin}/LICENSE")
    bench.read()
    bench.conn.execute("UPDATE raw.text_sources SET next_at = now() WHERE next_at IS NOT NULL")
    host.server.forget()
    bench.read()
    assert [(one.path, one.headers.get("if-none-match")) for one in host.server.requests if "LICENSE" in one.path] == [
        (RAW, '"a"')
    ]
    seen = bench.conn.execute("SELECT outcome FROM raw.text_sightings ORDER BY id").fetchall()
    assert [row["outcome"] for row in seen] == ["have", "have", "unchanged"]
    assert set(bench.verdicts().values()) == {("open_source", "text-open")}


def test_a_304_that_nobody_asked_for_is_that_file_s_trouble_alone(bench: TextBench, host: TextHost) -> None:
    host.raw(RAW, b"", status=304)
    host.raw("/Contoso/Moved/main/LICENSE", sample("mit"), headers={"ETag": '"a"'})
    host.raw("/Contoso/There/main/LICENSE", b"", status=304)
    bench.bring("Thing", licenseUrl=BLOB)
    bench.bring("Moved", licenseUrl=BLOB.replace("Thing", "Moved"))
    assert bench.read()["Moved"] == ("open_source", "text-open")
    host.raw(
        "/Contoso/Moved/main/LICENSE", b"", redirect="https://raw.githubusercontent.com/Contoso/There/main/LICENSE"
    )
    bench.conn.execute("UPDATE raw.text_sources SET next_at = now()")
    assert bench.read()["Moved"] == ("open_source", "text-open"), "what stood there is kept"
    seen = bench.conn.execute("SELECT outcome, error FROM raw.text_sightings ORDER BY source_id, id").fetchall()
    trouble = {"outcome": "trouble", "error": "it answered 304, and no ETag was sent"}
    assert sorted(row["outcome"] for row in seen) == ["have", "trouble", "trouble", "trouble"]
    assert seen.count(trouble) == 3


@pytest.mark.parametrize(
    "etag", ['"\u00e9"', '"\x01"', '"\x7f"', '"' + "e" * 200 + '"'], ids=["é", "0x01", "delete", "long"]
)
def test_an_etag_that_cannot_be_sent_again_is_not_kept(bench: TextBench, host: TextHost, etag: str) -> None:
    host.raw(RAW, sample("mit"), headers={"ETag": etag})
    bench.bring("Thing", licenseUrl=BLOB)
    bench.read()
    assert bench.conn.execute("SELECT etag FROM raw.text_sources").fetchall() == [{"etag": None}]
    bench.conn.execute("UPDATE raw.text_sources SET next_at = now(), etag = %s", [etag])  # As earlier releases kept it.
    bench.read()
    seen = bench.conn.execute("SELECT outcome FROM raw.text_sightings").fetchall()
    assert [row["outcome"] for row in seen] == ["have", "have"]


def test_an_expression_and_a_file_that_contradict_each_other_are_shown_and_the_expression_decides(
    bench: TextBench, host: TextHost
) -> None:
    host.embedded("Both", "1.0.0", sample("mit"))
    bench.bring("Both", licenseExpression="BUSL-1.1", licenseFile="LICENSE")
    assert bench.read() == {"Both": ("proprietary", "expression-closed")}
    other = bench.evidence("Both")["other_signals"][0]
    assert (other["signal"], other["says"], other["by"], other["contradicts"]) == (
        "file", "open_source", "text-open", True,
    )  # fmt: skip
