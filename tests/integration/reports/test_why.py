"""`pkgintel why`: the whole chain behind a verdict, against real Postgres."""

import json
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from pkgintel import database
from pkgintel.cli.why import command, screen
from pkgintel.errors import PackageUnknown, PkgintelError
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import RULES, RULESET
from pkgintel.pipeline import sync
from pkgintel.reports import why
from pkgintel.reports.explanation import Explanation
from pkgintel.settings import Settings
from tests.support.catalogs import delete, details
from tests.support.stored import EULA, claim, judge, license_list, take

KEYS = {
    "package_id", "verdict", "rule", "reason", "evidence", "judged_version", "spdx_list_version", "ruleset", "history",
}  # fmt: skip


def explain(conn: database.Connection, settings: Settings, *asked: str) -> dict[str, Any]:
    """What `pkgintel why --json` prints."""
    return why.explain(conn, settings, *asked).as_json()


def shown(found: dict[str, Any], width: int = 80) -> str:
    """The screen as plain text."""
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(screen(Explanation.model_validate(found)))
    return capture.get()


def test_the_whole_chain_is_told(conn: database.Connection, settings: Settings) -> None:
    take(conn, details("Acme.Core", "1.0.0", 10, licenseExpression="MIT OR BUSL-1.1"))
    judge(conn, settings)
    found = explain(conn, settings, "acme.CORE")
    assert set(found) >= KEYS
    assert found["package_id"] == "Acme.Core"
    assert (found["verdict"], found["rule"]) == ("open_source", "expression-open")
    assert found["rule_says"] == RULES["expression-open"]
    assert found["declaration"] == {
        "license_expression": "MIT OR BUSL-1.1",
        "license_file": None,
        "license_url": None,
    }
    assert found["evidence"]["tree"] == "MIT OR BUSL-1.1"
    mit, busl = found["licenses"]
    assert (mit["id"], mit["matched"], mit["on_list"]["osi_approved"]) == ("MIT", ["osi"], True)
    assert (busl["id"], busl["means"], busl["category"]) == ("BUSL-1.1", "closed", "Source-available")
    assert (found["spdx_list_version"], found["ruleset"], found["policy"]) == ("3.27.0", RULESET, "osi-or-fsf")
    assert (found["judged_version"], found["latest_version"], found["state"]) == ("1.0.0", "1.0.0", "listed")
    assert found["leaf_url"].endswith("/Acme.Core.1.0.0.json")
    assert found["history"] == []
    assert found["pending"] is False
    assert found["would_change"]
    text = shown(found)
    assert max(map(len, text.splitlines())) <= 80
    for words in ("Acme.Core 1.0.0: open_source", "MIT is open: OSI-approved", "BUSL-1.1 is closed", "list 3.27.0"):
        assert words in text


def test_every_rule_says_what_would_change_it() -> None:
    assert why.WOULD_CHANGE.keys() == RULES.keys()


def test_a_url_is_shown_with_its_entry_and_source(conn: database.Connection, settings: Settings) -> None:
    take(conn, details("Acme", "1.0", 10, licenseUrl=EULA))
    judge(conn, settings)
    found = explain(conn, settings, "Acme")
    assert (found["verdict"], found["rule"]) == ("proprietary", "url-closed")
    assert found["url_entry"]["source"]
    assert found["declaration"]["license_url"] == EULA
    assert "source: " in shown(found)


def test_relicensing_shows_by_version_and_by_date(conn: database.Connection, settings: Settings) -> None:
    year = "2{}-01-01T00:00:00Z".format
    take(
        conn,
        details("Acme", "1.9.0", 10, licenseExpression="MIT", created=year("001")),
        details("Acme", "1.10.0", 20, licenseExpression="MIT", created=year("004")),
        details("Acme", "2.0.0", 30, licenseUrl=EULA, created=year("003")),
        details(
            "Acme", "2.1.0", 40, licenseUrl=EULA, created=year("005"), listed=False, published="1900-01-01T00:00:00Z"
        ),
        details("Acme", "3.0.0", 50, licenseExpression="MIT", created=year("006")),
        delete("Acme", "3.0.0", 60),
        details("Other", "1.0.0", 70, licenseUrl=EULA),
    )
    judge(conn, settings)
    found = explain(conn, settings, "Acme")
    pairs = [(change["from_version"], change["to_version"]) for change in found["license_changes"]]
    assert pairs == [("1.10.0", "2.0.0")], "versions are ordered as NuGet does, and deleted ones are left out"
    change = found["license_changes"][0]
    assert (change["from_verdict"], change["to_verdict"]) == ("open_source", "proprietary")
    assert (change["from_declaration"], change["to_declaration"]) == (
        {"license_expression": "MIT"},
        {"license_url": EULA},
    )
    assert change["released_at"] == "2003-01-01T00:00:00Z"
    pairs = [(change["from_version"], change["to_version"]) for change in found["license_changes_by_date"]]
    assert pairs == [("1.9.0", "2.0.0"), ("2.0.0", "1.10.0"), ("1.10.0", "2.1.0")]
    text = shown(found)
    assert "1.10.0 -> 2.0.0 (2003-01-01)" in text
    assert "by date" in text


@pytest.mark.parametrize("view", ["license_changes", "license_changes_by_date"])
def test_one_package_of_many_is_found_by_index(conn: database.Connection, view: str) -> None:
    conn.execute(
        """
        INSERT INTO raw.read_versions (package_key, version_key, package_id, version, listed, is_prerelease, sort_key,
                                        details_ticks, details_url, raw)
        SELECT 'p' || n / 4, '1.0.' || n % 4, 'P' || n / 4, '1.0.' || n % 4, true, false,
               decode(lpad(to_hex(n % 4), 34, '0'), 'hex'), n, 'u' || n, '{}'
        FROM generate_series(1, 40000) AS n
        """
    )
    conn.execute("ANALYZE raw.read_versions")
    plan = conn.execute(f"EXPLAIN SELECT * FROM enriched.{view} WHERE package_key = 'p77'").fetchall()  # noqa: S608
    text = "\n".join(row["QUERY PLAN"] for row in plan)
    assert "Seq Scan on read_versions" not in text, text
    assert "package_key = 'p77'" in text, "the predicate reaches below the window"


@pytest.mark.parametrize("spelling", ["1.0", "1.0.0.0", "01.0.0", "1.0.0+build.5"])
def test_any_stored_version_is_judged_in_any_spelling(
    conn: database.Connection, settings: Settings, spelling: str
) -> None:
    take(
        conn,
        details("Acme", "1.0.0", 10, licenseExpression="BUSL-1.1"),
        details("Acme", "2.0.0", 20, licenseExpression="MIT"),
    )
    judge(conn, settings)
    found = explain(conn, settings, "Acme", spelling)
    assert (found["judged_version"], found["verdict"], found["rule"]) == ("1.0.0", "proprietary", "expression-closed")
    assert found["latest_version"] == "2.0.0"
    assert found["spdx_list_version"] == "3.27.0"
    assert "version 2.0.0 speaks for the package" in shown(found)


def test_a_version_needs_a_stored_list(conn: database.Connection, settings: Settings) -> None:
    take(conn, details("Acme", "1.0.0", 10, licenseExpression="MIT"))
    with pytest.raises(PkgintelError, match="pkgintel run"):
        explain(conn, settings, "Acme", "1.0.0")


def test_a_package_that_waits_for_the_classifier_says_so(conn: database.Connection, settings: Settings) -> None:
    take(conn, details("Acme", "1.0.0", 10, licenseExpression="MIT"))
    found = explain(conn, settings, "Acme")
    assert found["verdict"] is None
    assert "not judged yet" in found["reason"]
    assert found["declaration"]["license_expression"] == "MIT"
    judge(conn, settings)
    take(conn, details("Acme", "2.0.0", 20, licenseExpression="BUSL-1.1"))
    found = explain(conn, settings, "Acme")
    assert (found["verdict"], found["judged_version"], found["pending"]) == ("open_source", "1.0.0", True)
    assert "not judged with yet" in shown(found, 200)


def test_a_newer_list_or_another_policy_leaves_a_verdict_pending(conn: database.Connection, settings: Settings) -> None:
    take(conn, details("Acme", "1.0.0", 10, licenseExpression="MIT"))
    judge(conn, settings)
    stricter = settings.model_copy(update={"license_policy": "osi"})
    assert explain(conn, stricter, "Acme")["pending"] is True
    with conn.transaction():
        sync.rewrite(conn, license_list("3.28.0"))
    assert explain(conn, settings, "Acme")["pending"] is True


def test_a_deleted_package_says_so_and_keeps_its_history(conn: database.Connection, settings: Settings) -> None:
    take(conn, details("Acme", "1.0.0", 10, licenseExpression="MIT"))
    judge(conn, settings)
    take(conn, delete("Acme", "1.0.0", 20), delete("Acme", "0.9.0", 30))
    judge(conn, settings)
    found = explain(conn, settings, "Acme")
    assert (found["verdict"], found["state"], found["latest_version"]) == (None, "deleted", None)
    assert "deleted" in found["reason"]
    assert [(change["from_verdict"], change["to_verdict"]) for change in found["history"]] == [("open_source", None)]
    assert "open_source -> none, cause: deleted" in shown(found, 200)
    # Its last declaration was kept, so the version can still be judged; of the other nothing is known.
    assert explain(conn, settings, "Acme", "1.0.0")["verdict"] == "open_source"
    never_seen = explain(conn, settings, "Acme", "0.9.0")
    assert never_seen["verdict"] is None
    assert "Only the deletion" in never_seen["reason"]
    shown(never_seen)


def test_a_changed_list_shows_in_the_history(conn: database.Connection, settings: Settings) -> None:
    take(conn, details("Acme", "1.0.0", 10, licenseExpression="New-1.0"))
    judge(conn, settings)
    judge(conn, settings, LicenseList.parse(
        json.dumps({"licenseListVersion": "3.28.0", "licenses": [
            {"licenseId": "New-1.0", "name": "New", "isOsiApproved": True, "isDeprecatedLicenseId": False,
             "reference": "", "detailsUrl": "", "referenceNumber": 1, "seeAlso": []}]}).encode()
    ))  # fmt: skip
    (change,) = explain(conn, settings, "Acme")["history"]
    assert (change["from_verdict"], change["to_verdict"], change["cause"]) == ("unknown", "open_source", "license-list")
    assert change["changed_at"].endswith("Z")


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("newtonsft.json", "Newtonsoft.Json"),
        ("NewtonsoftJson", "Newtonsoft.Json"),
        ("ewtonsoft.json", "Newtonsoft.Json"),
        ("Serilog.Sink.Console", "Serilog.Sinks.Console"),
    ],
)
def test_an_unknown_package_names_the_nearest(
    conn: database.Connection, settings: Settings, asked: str, near: str
) -> None:
    claim(conn)
    take(conn, details("Newtonsoft.Json", "1.0.0", 10), details("Serilog.Sinks.Console", "1.0.0", 20))
    with pytest.raises(PackageUnknown, match=f"did you mean .*{near}"):
        explain(conn, settings, asked)


@pytest.mark.parametrize("asked", ["", "  ", "x" * 5000, "a\0b", "\udcff", "\x1b[31mred", "%", "Zz'; --", "K"])
def test_odd_ids_are_unknown_and_nothing_else(conn: database.Connection, settings: Settings, asked: str) -> None:
    claim(conn)
    take(conn, details("Acme", "1.0.0", 10))
    with pytest.raises(PackageUnknown) as caught:
        explain(conn, settings, asked)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 400
    str(caught.value).encode()


def test_an_empty_database_says_what_to_do(conn: database.Connection, settings: Settings) -> None:
    with pytest.raises(PackageUnknown, match="pkgintel run"):
        explain(conn, settings, "Acme")


@pytest.mark.parametrize("spelling", ["9.9.9", "newest", "1.0.\0", "\udcff"])
def test_an_unknown_version_names_those_that_are_stored(
    conn: database.Connection, settings: Settings, spelling: str
) -> None:
    take(conn, *(details("Acme", f"1.{minor}.0", minor) for minor in range(1, 9)))
    with pytest.raises(PackageUnknown, match=r"1\.8\.0, 1\.7\.0, 1\.6\.0, 1\.5\.0, 1\.4\.0 and 3 more"):
        explain(conn, settings, "Acme", spelling)


def test_what_a_package_says_cannot_move_the_cursor(conn: database.Connection, settings: Settings) -> None:
    take(conn, details("Acme", "1.0.0", 10, licenseUrl="https://example.com/\x1b[2J[bold]x"))
    judge(conn, settings)
    text = shown(explain(conn, settings, "Acme"))
    assert "\x1b" not in text
    assert "[bold]x" in text


def test_the_command_prints_one_json_object(conn: database.Connection, settings: Settings) -> None:
    take(conn, details("Acme", "1.0.0", 10, licenseExpression="MIT"))
    judge(conn, settings)
    done = CliRunner().invoke(command, ["ACME", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["verdict"] == "open_source"
    assert done.stderr == ""
    assert "open_source" in CliRunner().invoke(command, ["Acme", "--version", "1"]).stdout
    missing = CliRunner().invoke(command, ["Nothing"])
    assert isinstance(missing.exception, PackageUnknown)
    assert missing.exception.exit_code == 4
