"""`pkgintel policy`: files are checked without sending anything, and exceptions come with their guard."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pkgintel import cli
from tests.support.feeds import LocalFeed

POLICY = """# mine
[[exception]]
package = "Seat"
declares = "file LICENSE"
reason = "4711"
by = "anna"
until = {}
"""


def policy(*words: str) -> Result:
    return CliRunner().invoke(cli.pkgintel, ["policy", *words])


@pytest.mark.parametrize(("until", "code", "says"), [("2026-01-01", 1, "exception-expired"), ("9999-01-01", 2, "")])
def test_check_of_a_file(tmp_path: Path, until: str, code: int, says: str) -> None:
    file = tmp_path / "pkgintel-policy.toml"
    file.write_text(POLICY.format(until))
    checked = policy("check", str(file))
    assert says in checked.output
    assert (checked.exit_code if says else getattr(checked.exception, "exit_code", None)) == code


def test_check_of_a_directory_reads_the_policy_in_force_there(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / ".git").mkdir()
    assert "There is no pkgintel-policy.toml in" in str(policy("check", str(tmp_path / "src")).exception)
    (tmp_path / "pkgintel-policy.toml").write_text(POLICY.format("2026-01-01"))
    checked = policy("check", str(tmp_path / "src"))
    assert "exception-expired: Seat" in checked.output
    assert checked.exit_code == 1


def test_check_finds_a_license_that_does_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pkgintel-policy.toml").write_text('deny = ["AGPL-3.0-onl"]')
    monkeypatch.chdir(tmp_path)
    assert "did you mean AGPL-3.0-only?" in str(policy("check").exception)
    (tmp_path / "pkgintel-policy.toml").write_text('deny = ["AGPL-3.0-only", "category:Copyleft", "LicenseRef-Own"]')
    assert policy("check").exit_code == 0


def test_an_exception_is_written_with_its_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_text("Seat 1.0.0\nOther 1.0.0\n")
    (tmp_path / "pkgintel-policy.toml").write_text('unknown = "fail" # said by anna\n')
    with LocalFeed() as feed:
        feed.add("Seat", "1.0.0", file='LICENSE "5"\\')
        feed.add("Other", "1.0.0", "MIT")
        words = ("list.txt", "--source", feed.index, "--no-database")
        monkeypatch.setenv("PKGINTEL_SPDX_LICENSES_URL", feed.url("/none"))
        audit = ["audit", *words, "--spdx", str(_list(tmp_path))]
        assert CliRunner().invoke(cli.pkgintel, audit).exit_code == 1
        until = datetime.now(UTC).date() + timedelta(days=100)
        said = ("--reason", "seat 4711", "--until", str(until), "--by", "anna")
        written = policy("except", "seat", *words, *said)
        assert written.exit_code == 0, written.output
        assert CliRunner().invoke(cli.pkgintel, audit).exit_code == 0
        text = (tmp_path / "pkgintel-policy.toml").read_text()
        assert text.startswith('unknown = "fail" # said by anna\n')
        exception = tomllib.loads(text)["exception"][0]
        assert (exception["package"], exception["declares"]) == ("Seat", 'file LICENSE "5"\\')
        assert "Nothing here requires Nobody" in str(policy("except", "Nobody", *words, *said).exception)
        assert (tmp_path / "pkgintel-policy.toml").read_text() == text


def test_an_exception_that_has_ended_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_text("Seat 1.0.0\n")
    refused = policy(
        "except", "Seat", "list.txt", "--reason", "4711", "--until", "2020-03-31", "--offline", "--no-database"
    )
    assert "--until 2020-03-31 is over" in str(refused.exception)


def _list(folder: Path) -> Path:
    from pkgintel.sample.source import lists

    (folder / "licenses.json").write_bytes(lists()[0])
    return folder / "licenses.json"
