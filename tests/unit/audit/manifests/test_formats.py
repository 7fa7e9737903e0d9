"""Every format of a manifest: what is required, by whom, and what is said of the rest."""

import json

import pytest

from pkgintel.audit.manifests import sniff
from pkgintel.audit.manifests.requirement import Manifest, Requirement
from pkgintel.errors import ManifestUnreadable

LOCK = {
    "version": 2,
    "dependencies": {
        "net8.0": {
            "Top": {
                "type": "Direct",
                "requested": "[1.0.0, )",
                "resolved": "1.0.0",
                "dependencies": {"middle": "2.0.0"},
            },
            "Middle": {"type": "Transitive", "resolved": "2.0.0", "dependencies": {"Bottom": "3.0.0"}},
            "Bottom": {"type": "CentralTransitive", "requested": "[3.0.0, )", "resolved": "3.0.0"},
            "own.core": {"type": "Project", "dependencies": {"Brought": "[4.0.0, )"}},
            "Brought": {"type": "Transitive", "resolved": "4.0.0"},
        },
        "net8.0/linux-x64": {"runtime.Native": {"type": "Transitive", "resolved": "5.0.0"}},
    },
}
ASSETS = {
    "version": 3,
    "targets": {
        ".NETCoreApp,Version=v3.1": {
            "Used/1.0.0": {"type": "package", "dependencies": {"Below": "2.0.0"}},
            "Below/2.0.0": {"type": "package"},
            "Analyzer/3.0.0": {"type": "package", "dependencies": {"Helper": "4.0.0"}},
            "Helper/4.0.0": {"type": "package"},
            "Own.Core/1.0.0": {"type": "project"},
        }
    },
    "libraries": {
        "Used/1.0.0": {"type": "package"},
        "Left.Over/9.0.0": {"type": "package"},
        "Own.Core/1.0.0": {"type": "project"},
    },
    "project": {
        "restore": {"sources": {"https://feed.example/v3/index.json": {}}},
        "frameworks": {
            "netcoreapp3.1": {
                "dependencies": {
                    "Used": {"target": "Package", "version": "[1.0.0, )"},
                    "Analyzer": {"suppressParent": "All", "version": "[3.0.0, )"},
                }
            }
        },
    },
}


def read(document: object) -> Manifest:
    body = document if isinstance(document, bytes) else json.dumps(document, indent=2).encode()
    return sniff.read(body)


def pairs(manifest: Manifest) -> set[tuple[str, str | None]]:
    return {(one.package_id, one.version) for one in manifest.requirements}


def project(items: str) -> bytes:
    return f"<Project><ItemGroup>{items}</ItemGroup></Project>".encode()


def many(names: str, count: int) -> dict[str, dict[str, str]]:
    return {names.format(number): {} for number in range(count)}


def lock(packages: int, runtimes: int) -> bytes:
    """A lock file whose packages are looked at again for each runtime."""
    return json.dumps({"dependencies": {"n": many("p{}", packages), **many("n/{}", runtimes)}}).encode()


def assets(packages: int, runtimes: int) -> bytes:
    asked = {"frameworks": {"n": {"dependencies": many("p{}", packages)}}}
    return json.dumps({"libraries": {}, "targets": many("n/{}", runtimes), "project": asked}).encode()


MANY = ";".join(f"[{number}]" for number in range(1_000))


def of(manifest: Manifest, package_id: str) -> Requirement:
    return next(one for one in manifest.requirements if one.package_id == package_id)


def test_a_lock_file_with_ways_runtimes_and_projects() -> None:
    found = read(LOCK)
    assert (found.format, found.closure, found.notes) == ("lock", "full", ())
    versions = {"Top": "1.0.0", "Middle": "2.0.0", "Bottom": "3.0.0", "Brought": "4.0.0", "runtime.Native": "5.0.0"}
    assert pairs(found) == set(versions.items())
    assert of(found, "Bottom").path == ("Top", "Middle", "Bottom")
    assert of(found, "Brought").path == ("own.core", "Brought")
    assert (of(found, "Top").direct, of(found, "Middle").direct) == (True, False)
    assert of(found, "runtime.Native").framework == "net8.0/linux-x64"
    lines = json.dumps(LOCK, indent=2).splitlines()
    assert '"Bottom": {' in lines[(of(found, "Bottom").line or 0) - 1]


def test_an_assets_file_with_what_is_used_to_build_only() -> None:
    found = read(ASSETS)
    assert found.feeds == ("https://feed.example/v3/index.json",)
    assert {one.package_id: one.scope for one in found.requirements} == {
        "Used": "runtime", "Below": "runtime", "Analyzer": "development", "Helper": "development",
        "Left.Over": "unknown",
    }  # fmt: skip
    assert of(found, "Helper").path == ("Analyzer", "Helper")
    assert of(found, "Below").framework == "netcoreapp3.1"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_packages_config_in_any_encoding(encoding: str) -> None:
    text = (
        f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>\n<packages>\n'
        '  <package id="Antlr" version="3.4.1.9004" targetFramework="net46" />\n'
        '  <package id="Cop" version="1.0" developmentDependency="true" />\n  <package id="Lost" />\n</packages>'
    )
    found = read(text.encode(encoding))
    assert pairs(found) == {("Antlr", "3.4.1.9004"), ("Cop", "1.0")}
    assert of(found, "Cop").scope == "development"
    assert found.notes == ("1 entry not judged, without an id or a version: Lost",)


def test_a_project_file_with_central_versions() -> None:
    props = b"""<Project><PropertyGroup><Own>2.0.0</Own></PropertyGroup><ItemGroup>
      <PackageVersion Include="Central" Version="1.0.0" /><PackageVersion Include="ByProperty" Version="$(Own)" />
      <PackageVersion Include="Unset" Version="$(Missing)" />
      <PackageVersion Include="PerFramework" Version="1.0.0" Condition="'$(TargetFramework)' == 'net48'" />
      <PackageVersion Include="PerFramework" Version="2.0.0" />
      <GlobalPackageReference Include="Everywhere" Version="3.0.0" /></ItemGroup></Project>"""
    project = b"""<Project Sdk="Some.Sdk/7.0.0"><ItemGroup>
      <PackageReference Include="Central" /><PackageReference Include="ByProperty" />
      <PackageReference Include="Unset" />
      <PackageReference Include="PerFramework" /><PackageReference Include="Own" VersionOverride="[5.0.0,6.0.0)" />
      <PackageReference Include="Floating"><Version>1.*</Version></PackageReference>
      <PackageReference Include="Cop" Version="4.0.0" PrivateAssets="all" /></ItemGroup></Project>"""
    found = sniff.read(project, None, (props,))
    assert pairs(found) == {
        ("Central", "1.0.0"), ("ByProperty", "2.0.0"), ("Unset", None), ("PerFramework", "1.0.0"),
        ("PerFramework", "2.0.0"), ("Own", "5.0.0"), ("Floating", None), ("Cop", "4.0.0"), ("Everywhere", "3.0.0"),
        ("Some.Sdk", "7.0.0"),
    }  # fmt: skip
    assert found.closure == "direct"
    assert any("Unset $(Missing), Floating 1.*" in note for note in found.notes)
    assert {one.package_id for one in found.requirements if one.scope == "development"} == {
        "Cop", "Everywhere", "Some.Sdk",
    }  # fmt: skip


def test_a_project_that_sets_its_own_version_lists_only_what_it_references() -> None:
    props = project(
        '<PackageVersion Include="Used" Version="1.0.0" /><PackageVersion Include="Other" Version="2.0.0" />'
    )
    own = b"""<Project><PropertyGroup><PackageVersion>9.0.0</PackageVersion></PropertyGroup>
      <ItemGroup><PackageReference Include="Used" /></ItemGroup></Project>"""
    assert pairs(sniff.read(own, None, (props,))) == {("Used", "1.0.0")}
    assert pairs(sniff.read(props)) == {("Used", "1.0.0"), ("Other", "2.0.0")}


def test_properties_that_grow_are_not_filled_in() -> None:
    grown = f"<PropertyGroup><V>{'x' * 1_000_000}</V><W>{'$(W)' * 90}</W></PropertyGroup>"
    found = read(
        f"""<Project>{grown}<ItemGroup><PackageReference Include="A" Version="{"$(V)" * 10_000}" />
        <PackageReference Include="B" Version="$(W)" /></ItemGroup></Project>""".encode()
    )
    assert pairs(found) == {("A", None), ("B", None)}


def test_a_wide_character_at_the_end_of_what_is_looked_at() -> None:
    assert pairs(sniff.read(("# " + "x" * 2_044 + "\U0001f600\nA 1.0\n").encode("utf-16"))) == {("A", "1.0")}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_listing_of_dotnet(encoding: str) -> None:
    listing = {
        "version": 1,
        "parameters": "--include-transitive",
        "problems": [{"level": "warning", "text": "No assets file was found for `b.csproj`."}],
        "projects": [
            {
                "path": "a.csproj",
                "frameworks": [
                    {
                        "framework": "net8.0",
                        "topLevelPackages": [{"id": "A", "requestedVersion": "1.*", "resolvedVersion": "1.5.0"}],
                        "transitivePackages": [{"id": "B", "resolvedVersion": "2.0.0"}],
                    }
                ],
            },
            {"path": "empty.csproj"},
        ],
    }
    found = read(json.dumps(listing).encode(encoding))
    assert pairs(found) == {("A", "1.5.0"), ("B", "2.0.0")}
    assert found.notes == ("dotnet reports: No assets file was found for `b.csproj`.",)


def test_a_listing_of_vulnerable_packages_says_that_it_lists_no_others() -> None:
    entry = {
        "id": "A",
        "requestedVersion": "1.0.0",
        "resolvedVersion": "1.0.0",
        "vulnerabilities": [{"severity": "Low"}],
    }
    project = {"path": "a.csproj", "frameworks": [{"framework": "net8.0", "topLevelPackages": [entry]}]}
    listing = {"version": 1, "parameters": "--vulnerable --include-transitive", "projects": [project]}
    found = read(json.dumps(listing).encode())
    assert pairs(found) == {("A", "1.0.0")}
    assert found.notes == ("it lists only what `dotnet list package --vulnerable` does, and not all packages",)


def test_lists() -> None:
    found = read(b"# mine\npkg:nuget/A@1.0.0  # why\nB 2.0.0\nC,3.0\npkg:npm/x@1\n\n")
    assert pairs(found) == {("A", "1.0.0"), ("B", "2.0.0"), ("C", "3.0")}
    assert found.notes == ("1 component of other ecosystems not judged: npm 1",)
    table = read(b"\xef\xbb\xbfpackage_id,version,why\nA,1.0.0,x\nB,,y\n")
    assert pairs(table) == {("A", "1.0.0")}
    assert table.notes == ("1 entry not judged, without a package id and version: line 3",)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "it is empty"),
        (b"{", "it is no JSON"),
        (b"[1]", "it is a JSON array"),
        (b'{"a": 1}', "of no manifest that is known (its names: a)"),
        (b"<html/>", "its root <html> is that of no manifest"),
        (b"<packages>", "it is no XML"),
        (b"hello there, world", "line 1 is neither a package URL nor an id and a version"),
        (b"A 1.0\nB 2.0\nwhat is this", "line 3 is neither"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><packages>&b;</packages>', "declares entities"),
        (b"[" * 100_000, "it is a JSON array"),
        (b'{"dependencies":' + b'{"a":' * 5_000, "it is no JSON"),
        (b'{"dependencies": [' + b"1," * 600_000 + b"1]}", "it holds more than 400,000 values"),
        (b"<packages>" + b"<package/>" * 600_000 + b"</packages>", "it holds more than 200,000 tags"),
        (b" " * 32_000_001, "it is larger than 32 MB"),
        (b"\xff\xfe<\xd8", "it is no text in UTF-16-LE"),
        (b"<packages " + b" a='1'" * 400_001 + b"/>", "it holds more than 400,000 attributes"),
        (project(f'<PackageReference Include="{"a;" * 100_001}" />'), "it requires more than 25,000 packages"),
        (project(f'<PackageDownload Include="{MANY}" Version="{MANY}" />'), "it requires more than 25,000 packages"),
        (lock(3_000, 400), "it requires more than 25,000 packages"),
        (assets(3_000, 400), "it requires more than 25,000 packages"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(body: bytes, says: str) -> None:
    with pytest.raises(ManifestUnreadable) as error:
        read(body)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
