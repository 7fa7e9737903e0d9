"""How much memory and time an audit takes at the bounds of what it reads: `python -m tests.bench.audit_memory`.

A manifest of every format is made up as large as it may be, as one long chain or with a row of frameworks, and each is
audited offline by a process of its own for every output. Printed are the most memory (MB) and the seconds of each.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pkgintel.cli.audit import OUTPUTS
from tests.support.audits import spdx

PACKAGES = 24_900
FRAMEWORKS = 3
_Row = tuple[str, str, str | None]  # Id, version, and the package that it depends on.


def rows(number: int, width: int = 0) -> list[_Row]:
    """So many packages, each brought by the one before; ids are filled up to `width` characters."""
    names = [f"Contoso.Platform.Component{place:06}".ljust(width, "x") for place in range(number)]
    return [
        (name, f"1.{place % 100}.0", (names[place + 1 : place + 2] and names[place + 1]) or None)
        for place, name in enumerate(names)
    ]


def lock(packages: list[_Row], frameworks: int) -> bytes:
    """A lock file."""
    section = {
        name: {
            "type": "Transitive" if place else "Direct",
            "resolved": version,
            **({"dependencies": {after: "1.0.0"}} if after else {}),
        }
        for place, (name, version, after) in enumerate(packages)
    }
    return _json({"version": 1, "dependencies": {f"net{8 + one}.0": section for one in range(frameworks)}})


def assets(packages: list[_Row], frameworks: int) -> bytes:
    """What a restore leaves."""
    target = {
        f"{name}/{version}": {"type": "package", **({"dependencies": {after: "1.0.0"}} if after else {})}
        for name, version, after in packages
    }
    asked = {"dependencies": {packages[0][0]: {"target": "Package", "version": "[1.0.0, )"}}}
    names = [f"net{8 + one}.0" for one in range(frameworks)]
    return _json(
        {
            "version": 3,
            "targets": dict.fromkeys(names, target),
            "libraries": {f"{name}/{version}": {"type": "package"} for name, version, _ in packages},
            "project": {"frameworks": dict.fromkeys(names, asked)},
        }
    )


def config(packages: list[_Row], _: int) -> bytes:
    """A packages.config."""
    lines = "".join(f'<package id="{name}" version="{version}"/>\n' for name, version, _ in packages)
    return f"<packages>\n{lines}</packages>\n".encode()


def props(packages: list[_Row], _: int) -> bytes:
    """A project file."""
    lines = "".join(f'<PackageReference Include="{name}" Version="{version}"/>\n' for name, version, _ in packages)
    return f'<Project Sdk="Microsoft.NET.Sdk"><ItemGroup>\n{lines}</ItemGroup></Project>\n'.encode()


def cyclonedx(packages: list[_Row], _: int) -> bytes:
    """A bill of materials in JSON."""
    return _json(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "metadata": {"component": {"bom-ref": "root", "name": "root", "type": "application"}},
            "components": [
                {"type": "library", "bom-ref": f"{name}@{version}", "name": name, "purl": _purl(name, version)}
                for name, version, _ in packages
            ],
            "dependencies": [{"ref": "root", "dependsOn": [f"{packages[0][0]}@{packages[0][1]}"]}]
            + [{"ref": f"{one[0]}@{one[1]}", "dependsOn": [f"{two[0]}@{two[1]}"]} for one, two in _pairs(packages)],
        }
    )


def cyclonedx_xml(packages: list[_Row], _: int) -> bytes:
    """The same in XML."""
    parts = "".join(
        f'<component type="library" bom-ref="{name}"><name>{name}</name><version>{version}</version>'
        f"<purl>{_purl(name, version)}</purl></component>\n"
        for name, version, _ in packages
    )
    graph = "".join(
        f'<dependency ref="{one[0]}"><dependency ref="{two[0]}"/></dependency>\n' for one, two in _pairs(packages)
    )
    return (
        '<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6"><metadata>'
        '<component type="application" bom-ref="root"><name>root</name></component></metadata>'
        f'<components>\n{parts}</components><dependencies><dependency ref="root"><dependency ref="{packages[0][0]}"/>'
        f"</dependency>\n{graph}</dependencies></bom>"
    ).encode()


def spdx_second(packages: list[_Row], _: int) -> bytes:
    """SPDX 2.3."""
    entries = [
        {
            "SPDXID": f"SPDXRef-{name}",
            "name": name,
            "externalRefs": [{"referenceType": "purl", "referenceLocator": _purl(name, version)}],
        }
        for name, version, _ in packages
    ]
    relations = [
        {
            "spdxElementId": f"SPDXRef-{one[0]}",
            "relatedSpdxElement": f"SPDXRef-{two[0]}",
            "relationshipType": "DEPENDS_ON",
        }
        for one, two in _pairs(packages)
    ]
    first = f"SPDXRef-{packages[0][0]}"
    return _json(
        {"spdxVersion": "SPDX-2.3", "documentDescribes": [first], "packages": entries, "relationships": relations}
    )


def spdx_third(packages: list[_Row], _: int) -> bytes:
    """SPDX 3.0."""
    entries: list[dict[str, Any]] = [
        {"type": "software_Package", "spdxId": f"urn:{name}", "name": name, "software_packageUrl": _purl(name, version)}
        for name, version, _ in packages
    ]
    relations = [
        {"type": "Relationship", "from": f"urn:{one[0]}", "to": [f"urn:{two[0]}"], "relationshipType": "dependsOn"}
        for one, two in _pairs(packages)
    ]
    document = {"type": "SpdxDocument", "spdxId": "urn:doc", "rootElement": [f"urn:{packages[0][0]}"]}
    return _json({"@graph": [document, *entries, *relations]})


def dotnet_list(packages: list[_Row], frameworks: int) -> bytes:
    """What `dotnet list package` prints."""
    entries = [{"id": name, "resolvedVersion": version} for name, version, _ in packages]
    listed = [{"framework": f"net{8 + one}.0", "transitivePackages": entries} for one in range(frameworks)]
    return _json({"version": 1, "projects": [{"path": "a.csproj", "frameworks": listed}]})


def purls(packages: list[_Row], _: int) -> bytes:
    """A list of package URLs."""
    return "".join(f"{_purl(name, version)}\n" for name, version, _ in packages).encode()


KINDS: dict[str, Callable[[list[_Row], int], bytes]] = {
    "lock": lock,
    "assets": assets,
    "config": config,
    "props": props,
    "cyclonedx": cyclonedx,
    "cyclonedx-xml": cyclonedx_xml,
    "spdx-2": spdx_second,
    "spdx-3": spdx_third,
    "dotnet-list": dotnet_list,
    "purls": purls,
}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _purl(name: str, version: str) -> str:
    return f"pkg:nuget/{name}@{version}"


def _pairs(packages: list[_Row]) -> list[tuple[_Row, _Row]]:
    return list(itertools.pairwise(packages))


def run(words: list[str], folder: Path) -> tuple[int, float, float]:
    """Exit code, most memory (MB) and seconds of one command."""
    begun = time.monotonic()
    command = Path(sys.executable).with_name("pkgintel")
    pid = os.posix_spawn(
        command,
        [str(command), *words],
        {**os.environ, "PKGINTEL_HOME": str(folder / "home")},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, str(folder / "stderr"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        ],
    )
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_maxrss / 1024, time.monotonic() - begun


def _make(kind: str, chosen: argparse.Namespace, file: Path) -> None:
    file.write_bytes(KINDS[kind](rows(chosen.packages, chosen.width), chosen.frameworks))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--output", action="append", choices=["table", *OUTPUTS])
    parser.add_argument("--packages", type=int, default=PACKAGES)
    parser.add_argument("--frameworks", type=int, default=FRAMEWORKS)
    parser.add_argument("--width", type=int, default=0, help="characters of an id")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lists = spdx(folder)
        for kind in chosen.kind or KINDS:
            file = folder / "manifest"
            # By a process of its own, for a process counts the memory of the one that it was begun by as its own.
            made = multiprocessing.get_context("fork").Process(target=_make, args=(kind, chosen, file))
            made.start()
            made.join()
            for output in chosen.output or ["table", *OUTPUTS]:
                words = ["audit", str(file), "--offline", "--no-database", "--spdx", lists, "--output", output]
                code, memory, seconds = run(words, folder)
                said = (folder / "stderr").read_text()[-200:].split("\n")[0] if code not in (0, 3) else ""
                size = file.stat().st_size / 1e6
                print(f"{kind:<14} {output:<10} exit {code} {memory:5.0f} MB {seconds:5.1f} s of {size:.1f} MB {said}")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
