"""The facts the sample catalog is made of: which versions of which packages declared which license, and about when.

`packages.csv` holds them. What it does not give is drawn from the names it belongs to, so it is the same on
every machine.
"""

import csv
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from importlib import resources
from urllib.parse import quote

from pkgintel.nuget import version
from pkgintel.nuget.documents import package_key
from pkgintel.nuget.instant import TICKS_PER_SECOND, ticks

DAY = 86_400 * TICKS_PER_SECOND
# The first part of the history ends before this moment, the second begins after it.
SECOND_PART = ticks("2026-10-01T12:00:00Z")
_END = ticks("2026-10-05T20:00:00Z")
_LATEST_YEAR = 2026.74
PLACEHOLDER = "https://aka.ms/deprecateLicenseUrl"


def draw(below: int, *names: object) -> int:
    """A number in [0, below) that looks random and is always the same for the same `names`."""
    seed = "\0".join(map(str, names)).encode()
    return int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest(), "big") % below


@dataclass(frozen=True, slots=True)
class Fact:
    """A package version with what it declared; `moment` (ticks) is about when it was published."""

    package_id: str
    verbatim: str
    expression: str | None
    file: str | None
    url: str | None
    moment: int

    @property
    def key(self) -> tuple[str, str]:
        """Package key and version key."""
        return package_key(self.package_id), version.parse(self.verbatim).key


def facts() -> list[Fact]:
    """The table's versions with their made-up moments, the `later` ones in the second part."""
    text = resources.files("pkgintel.sample").joinpath("packages.csv").read_text(encoding="utf-8")
    lines = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    years = defaultdict(list)
    for line in lines:
        years[package_key(line["package"])].append(int(line["year"]))
    found = []
    for line in lines:
        package, how, said = line["package"], line["declaration"], line["license"]
        year, versions = int(line["year"]), line["versions"].split()
        following = [other for other in years[package_key(package)] if other > year]
        until = min([*following, year + len(versions), _LATEST_YEAR])
        for place, verbatim in enumerate(versions + line["later"].split()):
            chance = draw(10_000, package, verbatim, "moment") / 10_000
            if place < len(versions):
                step = (until - year) / len(versions)
                moment = ticks("1970-01-01T00:00:00Z") + int((year + step * (place + chance) - 1970) * 365.2425) * DAY
                moment += draw(DAY // TICKS_PER_SECOND, package, verbatim, "second") * TICKS_PER_SECOND
            else:
                moment = SECOND_PART + int((_END - SECOND_PART) * (place - len(versions) + 0.1 + 0.8 * chance) / 2)
            url = {"expression": expression_url(said), "file": PLACEHOLDER, "url": said, "none": None}[how]
            found.append(
                Fact(
                    package_id=package,
                    verbatim=verbatim,
                    expression=said if how == "expression" else None,
                    file=said if how == "file" else None,
                    url=url,
                    moment=moment,
                )
            )
    return found


def expression_url(expression: str) -> str:
    """The address that nuget.org puts beside a license expression."""
    return f"https://licenses.nuget.org/{quote(expression, safe='()+')}"
