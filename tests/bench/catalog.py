"""A NuGet catalog of any size for the benchmark.

Leaves are as large as nuget.org's (2.6/3.7/6.8/113 KB at p10/p50/p90/max), of packages with several versions each,
with thousands of distinct declarations. Every answer is rendered beforehand into one buffer.
"""

import json
import math
import mmap
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pkgintel.nuget import documents as catalog
from pkgintel.nuget import instant

BASE = "http://catalog.bench"  # Stands in the documents until a port is known.
BORN = instant.ticks("2024-05-01T00:00:00Z")
LARGEST = 113_000
EXPRESSIONS = (
    "MIT", "Apache-2.0", "BSD-3-Clause", "MIT OR Apache-2.0", "LGPL-3.0-or-later", "MPL-2.0", "GPL-3.0-only",
    "BSD-2-Clause", "ISC", "Unlicense", "MS-PL", "0BSD", "CC0-1.0", "(MIT AND BSD-3-Clause) OR Apache-2.0",
    "GPL-2.0-only WITH Classpath-exception-2.0", "AGPL-3.0-or-later", "EPL-2.0", "Zlib", "BSL-1.0", "MIT-0",
)  # fmt: skip
_TEXT = (
    "a library that reads and writes packages of the runtime with async streams logging configuration dependency "
    "injection serialization of types for web services clients and servers tools build test data access cloud storage "
    "message queues caching identity tokens validation mapping templates rendering images charts forms parsing text"
)
WORDS = _TEXT.split()


@dataclass(frozen=True, slots=True)
class BenchLeaf:
    """One event: its path and the line that its page holds for it."""

    path: str
    commit: int
    package_id: str
    version: str


@dataclass
class BenchCatalog:
    """`pages` × `items` leaves; the documents that name an address are rendered for a port by `documents`."""

    pages: list[list[BenchLeaf]]
    answers: dict[bytes, tuple[int, int]] = field(repr=False)  # Path → where its whole answer lies in `buffer`.
    buffer: mmap.mmap = field(repr=False)
    name: str = ""

    @property
    def leaves(self) -> int:
        """How many leaves there are."""
        return sum(map(len, self.pages))

    def body(self, leaf: BenchLeaf) -> bytes:
        """A leaf as the server sends it, without the head."""
        start, end = self.answers[leaf.path.encode()]
        return self.buffer[start:end].partition(b"\r\n\r\n")[2]

    def events(self, page: Sequence[BenchLeaf], base: str = BASE) -> list[catalog.Event]:
        """The events of a page, read as the pipeline reads them."""
        return [
            catalog.event(
                catalog.Item(
                    url=base + leaf.path, kind="details", commit=leaf.commit, package_id=leaf.package_id,
                    version=leaf.version,
                ),
                self.body(leaf),
            )
            for leaf in page
        ]  # fmt: skip

    def documents(self, origin: str, pages: int | None = None) -> dict[bytes, bytes]:
        """The service index, the index and the pages, as a server at `origin` answers them; `pages` cuts it short."""
        shown = self.pages[:pages]
        root = f"{origin}/{self.name}"
        lines = [
            {
                "@id": f"{root}/page{number}.json",
                "@type": "CatalogPage",
                "commitTimeStamp": instant.timestamp(page[-1].commit),
                "count": len(page),
            }
            for number, page in enumerate(shown)
        ]
        index = {"@id": f"{root}/index.json", "@type": ["CatalogRoot"], "commitTimeStamp": lines[-1]["commitTimeStamp"],
                 "count": len(lines), "items": lines}  # fmt: skip
        service = {"version": "3.0.0", "resources": [{"@id": f"{root}/index.json", "@type": "Catalog/3.0.0"}]}
        found = {f"/{self.name}/v3.json": service, f"/{self.name}/index.json": index}
        for number, page in enumerate(shown):
            items = [
                {
                    "@id": origin + leaf.path,
                    "@type": "nuget:PackageDetails",
                    "commitId": f"{leaf.commit:032x}",
                    "commitTimeStamp": instant.timestamp(leaf.commit),
                    "nuget:id": leaf.package_id,
                    "nuget:version": leaf.version,
                }
                for leaf in page
            ]
            found[f"/{self.name}/page{number}.json"] = {
                **lines[number], "parent": f"{root}/index.json", "items": items,
            }  # fmt: skip
        return {path.encode(): answer(json.dumps(document).encode()) for path, document in found.items()}


def answer(body: bytes) -> bytes:
    """A whole HTTP answer."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def make(pages: int, items: int, name: str, seed: int = 1) -> BenchCatalog:
    """A catalog of `pages` pages of `items` items each, the same for the same arguments."""
    chance = random.Random(seed)
    total = pages * items
    prose = " ".join(chance.choices(WORDS, k=400_000 // 6))
    packages = max(1, total // 4)
    versions = [0] * packages
    leaves: list[BenchLeaf] = []
    rendered: list[bytes] = []
    for number in range(total):
        # Some packages publish often, most seldom: half of the events belong to a tenth of the packages.
        package = chance.randrange(packages // 10 + 1 if chance.random() < 0.5 else packages)
        count = versions[package] = versions[package] + 1
        prerelease = chance.random() < 0.2
        version = f"{1 + count // 40}.{count // 8 % 5}.{count % 8}" + (f"-preview.{count}" if prerelease else "")
        package_id = f"Bench.{WORDS[package % len(WORDS)].title()}.Package{package}"
        commit = BORN + number * 7_000_003
        path = f"/{name}/data/{number}/{package_id.lower()}.{version}.json"
        size = 113_000 if number % 5_000 == 2_500 else _size(chance)
        rendered.append(_leaf(path, package_id, version, commit, _declaration(package, count), prose, size, chance))
        leaves.append(BenchLeaf(path, commit, package_id, version))
    buffer = mmap.mmap(-1, sum(map(len, rendered)))
    answers = {}
    for leaf, whole in zip(leaves, rendered, strict=True):
        start = buffer.tell()
        buffer.write(whole)
        answers[leaf.path.encode()] = start, buffer.tell()
    return BenchCatalog([leaves[at : at + items] for at in range(0, total, items)], answers, buffer, name)


def _size(chance: random.Random) -> int:
    """2.6/3.7/6.8 KB at p10/p50/p90: two halves of a lognormal distribution."""
    deviation = chance.gauss(0, 1)
    return min(LARGEST, round(3700 * math.exp(deviation * (0.275 if deviation < 0 else 0.475))))


def _declaration(package: int, count: int) -> dict[str, str]:
    """Half an expression, a sixth a file, a quarter a URL of the project's own, the rest nothing."""
    kind = (package * 7919) % 24
    if kind < 12 or (kind < 16 and count > 20):  # Some relicense with their twentieth version.
        expression = EXPRESSIONS[(package * 31) % len(EXPRESSIONS)]
        return {"licenseExpression": expression, "licenseUrl": f"https://licenses.nuget.org/{expression}"}
    if kind < 16:
        return {"licenseFile": "LICENSE.txt", "licenseUrl": "https://aka.ms/deprecateLicenseUrl"}
    if kind < 22:
        return {"licenseUrl": f"https://github.com/bench/project{package}/blob/main/LICENSE"}
    return {}


def _leaf(
    path: str,
    package_id: str,
    version: str,
    commit: int,
    declaration: Mapping[str, str],
    prose: str,
    size: int,
    chance: random.Random,
) -> bytes:
    at = chance.randrange(len(prose) - 2000)
    groups = [
        {
            "@id": f"{BASE}{path}#dependencygroup/{framework}",
            "@type": "PackageDependencyGroup",
            "dependencies": [
                {"@type": "PackageDependency", "id": f"Bench.Needs{at % 97 + more}", "range": f"[{more}.0.1, )"}
                for more in range(3)
            ],
            "targetFramework": framework,
        }
        for framework in ("netstandard2.0", "net8.0")
    ]
    document = {
        "@id": f"{BASE}{path}",
        "@type": ["PackageDetails", "catalog:Permalink"],
        "authors": f"Author {at % 5000}",
        "catalog:commitId": f"{commit:032x}",
        "catalog:commitTimeStamp": instant.timestamp(commit),
        "created": instant.timestamp(commit - 50_000_000),
        "description": prose[at : at + 300],
        "id": package_id,
        "isPrerelease": "-" in version,
        **declaration,
        "listed": True,
        "packageHash": f"{at:0128x}",
        "packageHashAlgorithm": "SHA512",
        "packageSize": at,
        "projectUrl": f"https://github.com/bench/{package_id.lower()}",
        "published": instant.timestamp(commit - 50_000_000),
        "requireLicenseAcceptance": False,
        "verbatimVersion": version,
        "version": version,
        "dependencyGroups": groups,
        "tags": prose[at : at + 60].split(),
    }
    body = json.dumps(document)
    missing = size - len(body)
    entries: list[dict[str, Any]] = []
    while missing > 0:
        start = chance.randrange(len(prose) - 100)
        entry = {
            "@id": f"{BASE}{path}#lib/{len(entries)}",
            "@type": "PackageEntry",
            "compressedLength": start,
            "fullName": f"lib/net8.0/{prose[start : start + 40].replace(' ', '.')}{len(entries)}.dll",
            "length": start * 3,
            "name": f"{prose[start : start + 40].replace(' ', '.')}{len(entries)}.dll",
        }
        entries.append(entry)
        missing -= 330
    if entries:
        document["packageEntries"] = entries
        body = json.dumps(document)
    return answer(body.encode())
