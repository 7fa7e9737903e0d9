"""Every `pkgintel` command that README and docs show is run, over a small catalog that was read and judged before."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from pkgintel import cli
from pkgintel import database as db
from pkgintel.errors import SettingsError, UpstreamError
from pkgintel.settings import Deployment
from tests.support.catalogs import details
from tests.support.checkout import CHECKOUT
from tests.support.hostile import HostileServer
from tests.support.oracle import ticks
from tests.support.pages import shown_commands
from tests.support.patience import quick
from tests.support.processes import working_for
from tests.support.scans import Bench
from tests.support.sites import LISTS, Site
from tests.support.stored import judge

COMMANDS = sorted({line for _, line in shown_commands() if line.removeprefix(".venv/bin/").startswith("pkgintel ")})
PROJECT = """<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net8.0</TargetFramework></PropertyGroup>
  <ItemGroup><PackageReference Include="Newtonsoft.Json" Version="13.0.1" /></ItemGroup>
</Project>
"""
SOLUTION = """Microsoft Visual Studio Solution File, Format Version 12.00
Project("{0}") = "Shop", "src\\Shop\\Shop.csproj", "{1}"
EndProject
"""
BILL = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "components": [
        {"type": "library", "name": "Newtonsoft.Json", "version": "13.0.1", "purl": "pkg:nuget/Newtonsoft.Json@13.0.1"}
    ],
}
PACKAGES = "package_id,license_expression,license_url,license_file\nNewtonsoft.Json,MIT,,\n"
# An audit without the database has to look the version up, and this small catalog serves no nuspecs.
CODES = {"status": (0, 1), "check": (0, 1), "audit": (0, 1, 3)}
# What an example names that this small catalog does not have, and the error that says so.
MISSING = {
    "runs abort 12": SettingsError,  # A run that has ended.
    "runs resume 12": SettingsError,  # A run that ended well.
    "reprocess --page": (UpstreamError, SettingsError),  # A page of nuget.org.
}


@pytest.fixture
def deployment(
    conn: db.Connection, database: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    """A catalog that was read and judged, twelve runs of it, and the files that `pkgintel judge` is shown with."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "LICENSE.txt").write_text("Permission is hereby granted")
    with HostileServer() as server:
        site = Site(server)
        site.new_list(110)
        made = quick(database, redis_url, service_index_url=server.url("/v3/index.json"))
        bench = Bench(conn, made, site)
        for number, version in enumerate(("11.0.1", "12.0.1", "13.0.1")):
            site.add(
                f"page{number}", details("Newtonsoft.Json", version, number, base=site.base, licenseExpression="MIT")
            )
            site.publish()
            bench.scan()
        while len(bench.runs()) < 12:
            bench.scan()
        bench.close()
        judge(conn, made)
        (tmp_path / "packages.csv").write_text(PACKAGES)
        (tmp_path / "licenses.json").write_text(json.dumps(site.list_at(LISTS[0])))
        (tmp_path / "docs").symlink_to(CHECKOUT / "docs")
        (tmp_path / "src" / "Shop").mkdir(parents=True)
        (tmp_path / "src" / "Shop" / "Shop.csproj").write_text(PROJECT)
        (tmp_path / "Shop.sln").write_text(SOLUTION)
        (tmp_path / "bom.json").write_text(json.dumps(BILL))
        addresses = {
            "DATABASE_URL": database,
            "REDIS_URL": redis_url,
            "SERVICE_INDEX_URL": made.service_index_url,
            "SPDX_LICENSES_URL": server.url(LISTS[0]),
            "SPDX_EXCEPTIONS_URL": server.url(LISTS[1]),
        }
        for name, value in addresses.items():
            monkeypatch.setenv(f"PKGINTEL_{name}", value)
        with working_for(made):
            yield made


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_that_is_shown_does_what_it_is_shown_for(
    line: str, deployment: Deployment, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(line, comments=True)[1:]
    if words[:2] == ["watermark", "reset"]:  # It is shown for a watermark of the future.
        conn.execute("UPDATE ops.watermarks SET watermark_ticks = %s", (ticks("2199-01-01T00:00:00Z"),))
    if words[0] == "run":  # It starts a worker and sends to it: a process of its own, as it is shown.
        ran = subprocess.run([sys.executable, "-m", "pkgintel", *words], capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, ran.stderr + ran.stdout
        return
    monkeypatch.setattr("sys.argv", ["pkgintel", *words])
    missing = next((error for begins, error in MISSING.items() if " ".join(words).startswith(begins)), None)
    done = CliRunner().invoke(cli.pkgintel, words, standalone_mode=False)
    if missing is not None:
        assert isinstance(done.exception, missing), done.output
        return
    assert done.exception is None or isinstance(done.exception, SystemExit), (done.exception, done.output)
    assert done.exit_code in CODES.get(words[0], (0,)), done.output
    assert done.output
