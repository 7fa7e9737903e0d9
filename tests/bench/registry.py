"""A catalog of nuget.org's shape at any size: how many versions a package has, which are listed, deleted, listed again.

Its pages are made once and kept compressed in a folder; its leaves are made when they are asked for, from the words of
their address, so that a catalog of twenty million leaves takes a gigabyte of disk. What it should come to lies in
`truth`, for checks alone: nothing of pkgintel reads it.
"""

import array
import gzip
import json
import random
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pkgintel.nuget import instant
from tests.bench.catalog import EXPRESSIONS, WORDS, answer

FULL_IDS, FULL_VERSIONS = 550_000, 11_000_000
LARGEST = 10_000  # Versions of one package.
SMALL_PAGES = 0.5  # Of the items lie on pages of 550, as nuget.org wrote them at first; the others on pages of 2,750.
AGAIN = 0.46  # Of the items are of versions that were listed before.
DELETES = 0.02
BORN = instant.ticks("2015-02-01T06:22:45Z")
STEP = 170_000_000  # Ticks from one commit to the next: eleven years at full size.
_PROSE = " ".join(random.Random(7).choices(WORDS, k=30_000)).encode()


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a registry is: so many of nuget.org's packages, with their versions and items."""

    scale: float
    seed: int = 1

    @property
    def ids(self) -> int:
        return max(50, round(FULL_IDS * self.scale))

    @property
    def versions(self) -> int:
        return max(1000, round(FULL_VERSIONS * self.scale))


def package_id(number: int) -> str:
    """The id of a package: a word, and its number, which the server reads leaves by."""
    return f"{WORDS[number % len(WORDS)].title()}.{WORDS[number // 97 % len(WORDS)].title()}.P{number}"


def version_of(number: int, index: int) -> str:
    """The version that a package published as its `index`th, from 0; one in six is a prerelease."""
    text = f"{1 + index // 100}.{index // 10 % 10}.{index % 10}"
    return f"{text}-preview.{index}" if _chance(number, index, 1) < 0.17 else text


def is_listed(number: int, index: int) -> bool:
    """One version in eight is unlisted, by itself; of one package in fifty every version is."""
    return not is_unlisted(number) and _chance(number, index, 2) >= 0.125


def is_unlisted(number: int) -> bool:
    """Whether every version of a package is unlisted."""
    return _chance(number, 0, 3) < 0.02


def _chance(number: int, index: int, kind: int) -> float:
    return (zlib.crc32(b"%d/%d/%d" % (kind, number, index)) & 0xFFFFFF) / 0x1000000


def counts(shape: Shape) -> "array.array[int]":
    """How many versions each package has: a few have thousands, most have a handful, twenty on average."""
    chance = random.Random(shape.seed)
    drawn = [min(LARGEST, chance.paretovariate(0.95)) for _ in range(shape.ids)]
    share = (shape.versions - shape.ids) / sum(drawn)
    return array.array("l", (min(LARGEST, 1 + round(one * share)) for one in drawn))


def events(shape: Shape) -> Iterator[tuple[int, int]]:
    """Every event in the order of the commits: a package, and the index of a version of it."""
    chance = random.Random(shape.seed + 1)
    each = counts(shape)
    order = array.array("l", (number for number, count in enumerate(each) for _ in range(count)))
    chance.shuffle(order)
    begun = array.array("l", bytes(each.itemsize * len(each)))
    for place, number in enumerate(order):
        yield number, begun[number]
        begun[number] += 1
        while chance.random() < AGAIN:
            earlier = order[chance.randrange(place + 1)]
            yield earlier, chance.randrange(begun[earlier])


def commit_of(place: int) -> int:
    """When the event at `place` was committed, in ticks: never a whole second, as on nuget.org."""
    return BORN + place * STEP + place % 7919 + 1


def is_delete(number: int, index: int, commit: int) -> bool:
    """Whether an event is a delete, now and then of a version never seen; the address of its leaf tells it too."""
    return _chance(number, index, 10 + commit // instant.TICKS_PER_SECOND) < DELETES


def stamp(commit: int) -> str:
    """A commit as the addresses of leaves have it."""
    return datetime.fromtimestamp(commit // instant.TICKS_PER_SECOND, UTC).strftime("%Y.%m.%d.%H.%M.%S")


def pages(shape: Shape) -> Iterator[list[tuple[int, int, int, bool]]]:
    """The pages, oldest first: commit, package, index, whether it is a delete. The later items lie on large pages."""
    total = round(shape.versions / (1 - AGAIN))
    page: list[tuple[int, int, int, bool]] = []
    for place, (number, index) in enumerate(events(shape)):
        commit = commit_of(place)
        page.append((commit, number, index, is_delete(number, index, commit)))
        if len(page) == (550 if place < total * SMALL_PAGES else 2750):
            yield page
            page = []
    if page:
        yield page


def make(folder: Path, shape: Shape) -> "Registry":
    """The registry of this shape in `folder`, made there unless it was before."""
    done = folder / "done.json"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        lines = []
        for number, page in enumerate(pages(shape)):
            (folder / f"page{number}.json.gz").write_bytes(gzip.compress(_page(number, page), 1))
            lines.append([number, page[-1][0], len(page)])
        done.write_text(json.dumps(lines))
    return Registry(folder, shape)


def _page(number: int, page: list[tuple[int, int, int, bool]]) -> bytes:
    """A page as nuget.org writes it, but for its addresses, which begin with @."""
    newest = instant.timestamp(page[-1][0])
    items = ",\n".join(_item(*one) for one in page)
    return (
        f'{{"@id": "@/page{number}.json", "@type": "CatalogPage", "commitId": "{number:032x}", "commitTimeStamp": '
        f'"{newest}", "count": {len(page)}, "parent": "@/index.json", "items": [\n{items}]}}'
    ).encode()


def _item(commit: int, number: int, index: int, deletes: bool) -> str:
    name, version = package_id(number), version_of(number, index)
    kind = "Delete" if deletes else "Details"
    place = (commit - BORN - 1) // STEP
    return (
        f'{{"@id": "@/data/{stamp(commit)}/{name.lower()}.{version}.json", "@type": "nuget:Package{kind}", '
        f'"commitId": "{place:08x}-0000-4000-8000-{number:012x}", "commitTimeStamp": "{instant.timestamp(commit)}", '
        f'"nuget:id": "{name}", "nuget:version": "{version}"}}'
    )


class Registry:
    """A registry on disk, as the benchmark's server serves it."""

    def __init__(self, folder: Path, shape: Shape) -> None:
        self.folder = folder
        self.shape = shape
        self.name = "registry"
        self.lines: list[tuple[int, int, int]] = json.loads((folder / "done.json").read_text())

    @property
    def items(self) -> int:
        """How many items its pages hold."""
        return sum(count for _, _, count in self.lines)

    def documents(self, origin: str) -> Mapping[bytes, bytes]:
        """The service index, the index and the pages, each made when it is asked for."""
        return _Documents(self, f"{origin}/{self.name}")

    def leaves(self) -> Mapping[bytes, bytes]:
        """The leaves, each made when it is asked for."""
        return _Leaves(self.name)


class _Lazy(Mapping[bytes, bytes]):
    """Documents by path, none of which is there before it is asked for."""

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _Documents(_Lazy):
    def __init__(self, registry: Registry, root: str) -> None:
        self.registry, self.root = registry, root
        self.begin = f"/{registry.name}/"

    def __getitem__(self, path: bytes) -> bytes:
        name = path.decode().removeprefix(self.begin)
        if name == "v3.json":
            found = [{"@id": f"{self.root}/index.json", "@type": "Catalog/3.0.0"}]
            return answer(json.dumps({"version": "3.0.0", "resources": found}).encode())
        if name == "index.json":
            return answer(json.dumps(self._index()).encode())
        try:
            packed = (self.registry.folder / f"{name}.gz").read_bytes()
        except OSError:
            raise KeyError(path) from None
        return answer(gzip.decompress(packed).replace(b'"@/', f'"{self.root}/'.encode()))

    def _index(self) -> dict[str, object]:
        lines = [
            {
                "@id": f"{self.root}/page{number}.json",
                "@type": "CatalogPage",
                "commitTimeStamp": instant.timestamp(commit),
                "count": count,
            }
            for number, commit, count in self.registry.lines
        ]
        newest = lines[-1]["commitTimeStamp"]
        return {"@id": f"{self.root}/index.json", "@type": ["CatalogRoot"], "commitTimeStamp": newest,
                "count": len(lines), "items": lines}  # fmt: skip


class _Leaves(_Lazy):
    """A leaf by the words of its address: /registry/data/2015.02.01.06.22.45/logging.async.p17.1.0.0.json"""

    def __init__(self, name: str) -> None:
        self.begin = f"/{name}/data/"

    def __getitem__(self, path: bytes) -> bytes:
        text = path.decode()
        if not text.startswith(self.begin):
            raise KeyError(path)
        moment, _, name = text.removeprefix(self.begin).partition("/")
        _, _, numbered, version = name.removesuffix(".json").split(".", 3)
        number = int(numbered[1:])
        seconds = datetime.strptime(moment + "+0000", "%Y.%m.%d.%H.%M.%S%z").timestamp()
        return answer(leaf(number, version, int(seconds) * instant.TICKS_PER_SECOND))


def leaf(number: int, version: str, second: int) -> bytes:
    """The leaf of a version, committed in the `second` (ticks) that its address says; as large as real ones are."""
    major, minor, rest = version.partition("-")[0].split(".")
    index = (int(major) - 1) * 100 + int(minor) * 10 + int(rest)
    name = package_id(number)
    if is_delete(number, index, second):
        return (
            f'{{"@type": ["PackageDelete", "catalog:Permalink"], "id": "{name}", "originalId": "{name}", '
            f'"published": "{instant.timestamp(second)}", "version": "{version}"}}'
        ).encode()
    mark = zlib.crc32(b"%d %d" % (number, index))
    kind, expression = mark % 24, EXPRESSIONS[mark // 24 % len(EXPRESSIONS)]
    declared = (
        f'"licenseExpression": "{expression}", "licenseUrl": "https://licenses.nuget.org/{expression}",'
        if kind < 12
        else '"licenseFile": "LICENSE.txt", "licenseUrl": "https://aka.ms/deprecateLicenseUrl",'
        if kind < 16
        else f'"licenseUrl": "https://github.com/registry/p{number}/blob/main/LICENSE",'
        if kind < 22
        else ""
    )
    listed = is_listed(number, index)
    created = instant.timestamp(BORN + (number + index) * 10_000_000)
    at = mark % 200_000
    size = 2_000 + mark // 7 % 2_400 + (mark // 11 % 9_000 if mark % 9 == 0 else 0)
    return (
        (
            f'{{"@type": ["PackageDetails", "catalog:Permalink"], "authors": "Author {mark % 9999}", '
            f'"created": "{created}", "id": "{name}", "isPrerelease": {"true" if "-" in version else "false"}, '
            f'{declared} "listed": {"true" if listed else "false"}, '
            f'"packageHash": "{mark:040x}{second:048x}", "packageHashAlgorithm": "SHA512", '
            f'"packageSize": {mark % 4_000_000}, "projectUrl": "https://github.com/registry/p{number}", '
            f'"published": "{created if listed else "1900-01-01T00:00:00Z"}", "verbatimVersion": "{version}", '
            f'"version": "{version}", "description": "'
        ).encode()
        + _PROSE[at : at + size]
        + b'"}'
    )
