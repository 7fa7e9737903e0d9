"""`pkgintel texts read`: readings on the screen and as JSON, without a database."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pkgintel import cli
from pkgintel.errors import SettingsError
from tests.support.license_texts import written


def printed(*words: str) -> str:
    return CliRunner().invoke(cli.pkgintel, ["texts", "read", *words], catch_exceptions=False).stdout


def test_readings_as_json(tmp_path: Path) -> None:
    mit, other = tmp_path / "MIT", tmp_path / "OTHER"
    mit.write_text(written("MIT"))
    other.write_text(written("MIT").replace("without restriction", "for \x1b[31mevaluation only"))
    first, second = json.loads(printed(str(mit), str(other), "--json"))["readings"]
    assert list(first) == ["file", "sha256", "status", "expression", "method", "similarity", "differences", "verdict"]
    assert (first["expression"], first["verdict"], first["differences"]) == ("MIT", "open_source", [])
    assert (second["status"], second["verdict"]) == ("differs", "unknown")


def test_readings_on_the_screen(tmp_path: Path) -> None:
    path = tmp_path / "LICENSE"
    path.write_text(written("MIT").replace("without restriction", "for \x1b[31mevaluation only"))
    shown = printed(str(path))
    assert shown.startswith("unknown")
    assert "[+" in shown
    assert "evaluation only" in shown
    assert "\x1b" not in shown


def test_a_list_of_its_own_judges(tmp_path: Path) -> None:
    path, spdx = tmp_path / "LICENSE", tmp_path / "licenses.json"
    path.write_text(written("MIT"))
    entry = {"licenseId": "MIT", "name": "MIT License", "isOsiApproved": False}
    spdx.write_text(json.dumps({"licenseListVersion": "0", "licenses": [entry]}))
    found = json.loads(printed(str(path), "--json", "--spdx", str(spdx)))["readings"][0]
    assert (found["expression"], found["verdict"]) == ("MIT", "unknown")


def test_a_path_that_cannot_be_read_is_a_wrong_argument(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read") as raised:
        printed(str(tmp_path / "missing"))
    assert raised.value.exit_code == 2
