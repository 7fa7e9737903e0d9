"""`pkgintel judge`: measures, output, and one sentence for every bad input."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pkgintel.cli import judge
from pkgintel.errors import SettingsError
from pkgintel.licenses.rows import judge_rows, read_license_list, read_rows
from pkgintel.licenses.spdx import License, LicenseList
from pkgintel.licenses.verdict import Judge
from tests.support.checkout import SHARED
from tools import curated_numbers

LIST = LicenseList.of(
    "9.9",
    [
        License("MIT", "MIT License", True, True, False, ("https://opensource.org/licenses/MIT",), {}),
        License("SSPL-1.0", "SSPL", False, None, False, (), {}),
    ],
)
HEADER = "package_id,version,license_expression,license_url,license_file,expected_verdict,note\n"
ROWS = HEADER + (
    "A,1,MIT,https://licenses.nuget.org/MIT,,open_source,kept\n"
    "B,1,SSPL-1.0,,,proprietary,\n"
    "C,1,SSPL-1.0,,,open_source,wrong\n"
    "D,1,,https://opensource.org/licenses/MIT,,unknown,\n"
    "E,1,,https://aka.ms/deprecateLicenseUrl,LICENSE,open_source,\n"
    "F,1,,,,proprietary,\n"
    'G,1,MIT,,,,"a, b\nc"\n'
)


def run(*arguments: object, license_list: LicenseList | None = LIST) -> Result:
    """What the command does where `license_list` is the stored one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "stored_list", lambda: license_list)
        return CliRunner().invoke(judge.command, [str(argument) for argument in arguments], standalone_mode=False)


def measured(*arguments: object, license_list: LicenseList | None = LIST) -> dict[str, Any]:
    result = run(*arguments, "--json", license_list=license_list)
    assert result.exception is None
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


def test_the_measures(file: Path) -> None:
    found = measured(file)
    assert found["rows"] == 7
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["coverage"] == pytest.approx(3 / 5)
    assert found["confusion"] == {
        "open_source": {"open_source": 1, "proprietary": 1, "unknown": 1},
        "proprietary": {"proprietary": 1, "unknown": 1},
        "unknown": {"open_source": 1},
    }
    assert found["decided_of_unknown"] == 1
    assert found["proprietary_called_open"] == 0
    assert [item["package_id"] for item in found["disagreements"]] == ["C", "D"]
    assert set(found["by_declaration"]) == {"expression", "expression+url", "file+url", "nothing", "url"}
    assert found["by_declaration"]["expression"]["rows"] == 3
    assert found["by_declaration"]["url"]["precision"] is None
    assert "rows_judged" not in found


@pytest.mark.parametrize("said", ["open", "Open_Source", "unknwon"])
def test_an_expected_verdict_that_is_none_is_refused(tmp_path: Path, said: str) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(HEADER + "A,1,MIT,,,open_source,\n" + f"B,1,MIT,,,{said},\n")
    with pytest.raises(SettingsError, match=rf"truth\.csv line 3 expects the verdict '{said}'; it is open_source, "):
        read_rows(path)


def test_rows_on_demand(file: Path) -> None:
    rows = measured(file, "--rows")["rows_judged"]
    assert [row["package_id"] for row in rows] == list("ABCDEFG")
    assert rows[0]["note"] == "kept"
    assert rows[0]["rule"] == "expression-open"
    assert rows[0]["evidence"]["signal"] == "expression"


def test_without_json_the_rows_go_to_stdout_and_the_summary_to_stderr(file: Path) -> None:
    result = run(file)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert list(rows[0])[-3:] == ["verdict", "rule", "reason"]
    assert rows[-1]["note"] == "a, b\nc"
    assert [row["verdict"] for row in rows] == [
        "open_source", "proprietary", "proprietary", "open_source", "unknown", "unknown", "open_source",
    ]  # fmt: skip
    assert "precision of the decided 66.67%, coverage 60.00%" in result.stderr
    assert "disagrees: C 1: expected open_source, proprietary by expression-closed" in result.stderr


def test_a_file_without_expectations_has_no_measures(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\xef\xbb\xbfpackage_id,license_expression,license_url,license_file\r\nA,MIT,,\r\n")
    found = measured(path)
    assert (found["precision"], found["coverage"], found["confusion"]) == (None, None, {})
    assert "precision" not in run(path).stderr


def test_a_file_with_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(HEADER)
    assert measured(path)["rows"] == 0
    assert run(path).exception is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (None, "cannot be read"),
        (b"", "has no column package_id, license_expression"),
        (b"package_id,license_url\nA,B\n", "has no column license_expression, license_file"),
        (b"\xff\xfe\x00", "UTF-8"),
        (HEADER.encode() + b'A,1,"MIT', "is not CSV"),
        (HEADER.encode() + b"A,1,MIT\n", "line 2"),
        (HEADER.encode() + b"A,1,MIT,,,,,,,\n", "line 2"),
        (HEADER.strip().encode() + b",note\n", "twice"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, body: bytes | None, says: str) -> None:
    path = tmp_path / "rows.csv"
    if body is not None:
        path.write_bytes(body)
    error = run(path).exception
    assert isinstance(error, SettingsError)
    assert error.exit_code == 2
    assert says in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("body", [None, b"", b"[]", b"\xff", b'{"licenseListVersion": "1", "licenses": []}'])
def test_a_bad_list_is_one_sentence(tmp_path: Path, file: Path, body: bytes | None) -> None:
    path = tmp_path / "licenses.json"
    if body is not None:
        path.write_bytes(body)
    error = run(file, "--spdx", path).exception
    assert isinstance(error, SettingsError)
    assert "licenses.json" in str(error)
    assert "\n" not in str(error)


def test_without_any_list_it_says_so(file: Path) -> None:
    assert "--spdx" in str(run(file, license_list=None).exception)
    assert "--spdx" in str(run(file, "--exceptions", file).exception)


@pytest.mark.parametrize("name", ["exceptions-9.9.json", "exceptions.json", "exceptions-other.json"])
def test_the_exceptions_beside_the_list_are_found(tmp_path: Path, name: str) -> None:
    mit = {"licenseId": "MIT", "name": "MIT", "isOsiApproved": True}
    exception = {"licenseExceptionId": "E-1.0", "name": "E"}
    (tmp_path / "licenses-9.9.json").write_text(json.dumps({"licenseListVersion": "9.9", "licenses": [mit]}))
    (tmp_path / name).write_text(json.dumps({"licenseListVersion": "9.9", "exceptions": [exception]}))
    path = tmp_path / "rows.csv"
    path.write_text(HEADER + "A,1,MIT WITH e-1.0,,,open_source,\n")
    assert measured(path, "--spdx", tmp_path / "licenses-9.9.json", license_list=None)["coverage"] == 1


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the checkout")
def test_the_curated_verdicts() -> None:
    spdx = SHARED / "spdx" / "licenses-3.28.0.json"
    found = measured(SHARED / "verdict_truth.csv", "--spdx", spdx, license_list=None)
    assert found["precision"] >= 0.995
    assert found["proprietary_called_open"] == 0
    assert found["decided_of_unknown"] == 0
    assert found["coverage"] >= 0.77


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the checkout")
def test_dated_versions_are_decided_as_their_curators_did() -> None:
    """Each of 55 versions with a day that is known names a link, or a file, while somebody read what it was."""
    days = curated_numbers.by_version(curated_numbers.DATES, "day")
    table = [row for row in read_rows(SHARED / "verdict_truth.csv") if not row["created"]]
    dated = [{**row, "created": day} for row in table if (day := days.get((row["package_id"].lower(), row["version"])))]
    judge = Judge(read_license_list(SHARED / "spdx" / "licenses-3.28.0.json"))
    pairs, missing = curated_numbers.reached(judge_rows(dated, judge), {})
    assert (len(pairs), dict(missing)) == (55, {})
    assert all(expected == verdict for expected, verdict in pairs)


def test_no_cell_is_a_formula_for_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(HEADER + '=1+1,-2,,"@SUM(A1)",,,"=HYPERLINK(""http://x"")"\n', encoding="utf-8")
    (row,) = csv.DictReader(io.StringIO(run(path).stdout))
    assert (row["package_id"], row["license_url"]) == ("'=1+1", "'@SUM(A1)")
    assert (row["version"], row["note"]) == ("-2", '\'=HYPERLINK("http://x")')
    assert measured(path, "--rows")["rows_judged"][0]["package_id"] == "=1+1"


LINK = "http://go.microsoft.com/fwlink/?LinkId=329770"


def test_a_date_lets_a_fact_decide_that_held_for_some_time_only(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "package_id,license_expression,license_url,license_file,created,expected_verdict\n"
        f"A,,{LINK},,2016-05-04,proprietary\n"
        f"B,,{LINK},,2024-09-01T01:59:59+02:00,proprietary\n"
        f"C,,{LINK},,2024-09-01T02:00:00+02:00,unknown\n"
        f"D,,{LINK},,,unknown\n"
    )
    found = measured(path, "--rows")
    assert [row["verdict"] for row in found["rows_judged"]] == ["proprietary", "proprietary", "unknown", "unknown"]
    assert found["by_nature"]["redirector"]["rows"] == 3
    assert found["by_rule"]["url-closed"] == {
        "rows": 2, "precision": 1.0, "coverage": 1.0, "verdicts": {"proprietary": 2},
    }  # fmt: skip


def test_a_date_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("package_id,license_expression,license_url,license_file,created\nA,,,,yesterday\n")
    with pytest.raises(SettingsError, match="line 2 says 'yesterday' as created; it is an ISO 8601 date or empty"):
        read_rows(path)


def test_rows_whose_label_is_independent_of_the_table_are_measured_apart(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    codeplex = "http://wpl.codeplex.com/license"
    path.write_text(
        "package_id,license_expression,license_url,license_file,expected_verdict,curated_by\n"
        f"A,,{codeplex},,open_source,clearlydefined/curated-data\n"
        f"B,,{codeplex},,open_source,somebody/else\n"
        "C,MIT,,,open_source,clearlydefined/curated-data\n"
    )
    list_ = LicenseList.of("9.9", [License(id_, id_, True, None, False, (), {}) for id_ in ("MIT", "MS-PL")])
    found = measured(path, license_list=list_)
    assert found["independent"] == {
        "rows": 2, "precision": 1.0, "coverage": 1.0, "verdicts": {"open_source": 2}, "proprietary_called_open": 0,
    }  # fmt: skip
    assert found["by_nature"]["dead"]["rows"] == 2


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the checkout")
def test_the_curated_verdicts_whose_labels_are_independent() -> None:
    spdx = SHARED / "spdx" / "licenses-3.28.0.json"
    found = measured(SHARED / "verdict_truth.csv", "--spdx", spdx, license_list=None)
    assert found["independent"]["rows"] > 800
    assert found["independent"]["precision"] >= 0.995
    assert found["independent"]["proprietary_called_open"] == 0
    assert "redirector" not in {
        nature for nature, part in found["by_nature"].items() if set(part["verdicts"]) - {"unknown"}
    }
