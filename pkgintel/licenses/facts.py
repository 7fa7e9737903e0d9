"""The tables beside this module: what people looked up about licenses and pages, each row with its source.

`urls.csv`: what a page says. `closed.csv`: which ids withhold what open source grants, each with two witnesses and the
clause. `successors.csv`: what a deprecated id is called today. `later.csv`: which versions "or later" may choose.
`remarks.csv`: what a user of an approved license should know before. `dated.csv`: which license files of repositories
granted open terms from one day until another.
"""

import csv
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).parent
TABLES = ("urls", "closed", "successors", "later", "remarks", "dated")

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Closing:
    """Why an id is closed: two independent witnesses, and the clause that the text was read for on `date`."""

    license_id: str
    witnesses: tuple[str, str]
    quote: str
    date: str

    @property
    def category(self) -> str | None:
        """What ScanCode's LicenseDB files the terms under, where it is one of the witnesses."""
        said = (witness.partition(": ") for witness in self.witnesses)
        return next((category for source, _, category in said if source.startswith("ScanCode LicenseDB")), None)


@cache
def rows(table: str) -> tuple[Row, ...]:
    """The rows of one of TABLES, in the order of the file. Raises: OSError when the file is gone."""
    with (FOLDER / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(MappingProxyType(row) for row in csv.DictReader(file))


@cache
def fingerprint(table: str) -> str:
    """Twelve hexadecimal digits that change with what a table says, and not with the order of its rows."""
    said: Iterable[str] = sorted(repr(sorted(row.items())) for row in rows(table))
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:12]


@cache
def closings() -> Mapping[str, Closing]:
    """The closed ids, each keyed by its lower case."""
    return {
        row["id"].lower(): Closing(row["id"], (row["witness_1"], row["witness_2"]), row["quote"], row["date"])
        for row in rows("closed")
    }


@cache
def successors() -> Mapping[str, str]:
    """Deprecated id in lower case → the expression that SPDX uses instead."""
    return {row["id"].lower(): row["successor"] for row in rows("successors")}


@cache
def later_versions() -> Mapping[str, tuple[str, ...]]:
    """Id in lower case → the ids of later versions of the same license, oldest first."""
    return {row["id"].lower(): tuple(row["later"].split("|")) for row in rows("later")}


@cache
def remarks() -> Mapping[str, str]:
    """Id in lower case → what is to be known of an approved license, without a full stop."""
    return {row["id"].lower(): row["remark"] for row in rows("remarks")}
