"""Which manifests of a directory are read: of each project the one that says most, and none is silently left."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pkgintel import cli
from pkgintel.audit import inputs
from pkgintel.audit.inputs import Source
from pkgintel.cli import files
from pkgintel.errors import ManifestUnreadable, SettingsError
from tests.support.checkout import CHECKOUT

LOCK = {"version": 1, "dependencies": {"net8.0": {"A": {"type": "Direct", "resolved": "1.0.0"}}}}
ASSETS = {
    "version": 3,
    "targets": {"net8.0": {"B/2.0.0": {"type": "package"}}},
    "libraries": {"B/2.0.0": {"type": "package"}},
    "project": {"frameworks": {"net8.0": {"dependencies": {"B": {"version": "[2.0.0, )"}}}}},
}
PROJECT = '<Project Sdk="Microsoft.NET.Sdk"><ItemGroup>{}</ItemGroup></Project>'


def put(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))


def read(*paths: Path | str) -> list[Source]:
    return inputs.read([str(path) for path in paths], None, io.BytesIO(b"pkg:nuget/Std@1.0.0"))


def test_of_each_project_the_manifest_that_says_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "one/one.csproj", PROJECT.format(""))
    put(tmp_path / "one/obj/project.assets.json", ASSETS)
    put(tmp_path / "one/packages.lock.json", LOCK)
    put(tmp_path / "two/two.fsproj", PROJECT.format('<PackageReference Include="Newer" Version="9.0.0" />'))
    put(tmp_path / "two/packages.lock.json", LOCK)
    put(tmp_path / "three/packages.config", '<packages><package id="C" version="3.0" /></packages>')
    put(tmp_path / "four/four.vbproj", PROJECT.format('<PackageReference Include="D" />'))
    put(tmp_path / "Directory.Packages.props", PROJECT.format('<PackageVersion Include="D" Version="4.0.0" />'))
    put(tmp_path / "node_modules/x/packages.config", "broken")
    put(tmp_path / "out/bom.json", {"bomFormat": "CycloneDX"})
    found = read(".")
    shown = {one.manifest.path: {need.package_id for need in one.manifest.requirements} for one in found}
    assert shown == {
        "four/four.vbproj": {"D"},
        "one/obj/project.assets.json": {"B"},
        "three/packages.config": {"C"},
        "two/packages.lock.json": {"A"},
    }
    assert found[0].manifest.requirements[0].version == "4.0.0"
    notes = [note for one in found for note in one.manifest.notes]
    assert any("out/bom.json" in note for note in notes)
    assert any("two/two.fsproj asks for packages that are not in here, so it is older: Newer" in note for note in notes)


@pytest.mark.parametrize(
    "solution",
    [
        'Project("{9A19103F}") = "One", "src\\One\\One.csproj", "{A}"\nProject("{9}") = "X", "gone\\Gone.csproj"',
        '<Solution><Project Path="src/One/One.csproj" /><Project Path="gone/Gone.csproj" /></Solution>',
    ],
)
def test_the_projects_of_a_solution(tmp_path: Path, solution: str) -> None:
    put(tmp_path / "Shop.sln", solution)
    put(tmp_path / "src/One/One.csproj", PROJECT.format('<PackageReference Include="A" Version="1.0.0" />'))
    put(tmp_path / "src/Two/Two.csproj", PROJECT.format('<PackageReference Include="B" Version="1.0.0" />'))
    (found,) = read(tmp_path / "Shop.sln")
    assert [one.package_id for one in found.manifest.requirements] == ["A"]
    assert "projects of the solution that are not there: gone/Gone.csproj" in found.manifest.notes


def test_the_standard_input() -> None:
    (found,) = read("-")
    assert (found.manifest.path, found.manifest.packages) == ("-", 1)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gone", "there is no such file"),
        ("empty", "holds no manifest"),
        ("broken.json", "read as a manifest: it"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ManifestUnreadable) as error:
        read(tmp_path / name)
    assert says in str(error.value)
    assert name in str(error.value)


LONG = "x" * 300  # More than a file system takes as a name.


@pytest.mark.parametrize("name", [LONG, f"{LONG}.sln", "names.sln"])
def test_a_name_that_is_too_long_is_one_sentence(tmp_path: Path, name: str) -> None:
    put(tmp_path / "names.sln", f'"{LONG}.csproj"')
    with pytest.raises(ManifestUnreadable):
        read(tmp_path / name)
    with pytest.raises(SettingsError):
        files.put(tmp_path / LONG, "document")


def test_the_solution_of_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    monkeypatch.delenv("COLUMNS", raising=False)  # What is piped is not wrapped, unless somebody sets a width.
    words = ["audit", "docs/solution", "--source", "sample", "--no-database"]
    shown = CliRunner().invoke(cli.pkgintel, words)
    assert shown.exit_code == 1
    lines = (CHECKOUT / "README.md").read_text().split("--source sample --no-database\n")[1].split("\n```")[0]
    for line in lines.splitlines():
        for part in line.split("…"):
            assert part.strip() in shown.stdout, part
