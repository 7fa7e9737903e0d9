"""What an audit that begins with nothing asks for and gets right: `python -m tests.bench.audit_lookups [TRUTH]`.

A package source on this machine answers after 30 ms. A lock file of 190 packages is audited, by processes of its own,
with a new and empty database, a second time, and without a database; printed are seconds and requests.
TRUTH is a CSV file with the columns package_id, version, license_expression, license_file, license_url and
expected_verdict: its packages are audited as lock files of 190 and compared.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pkgintel.audit.manifests.requirement import version_key
from tests.bench.plan import LATENCY
from tests.bench.world import World, world
from tests.support.audits import spdx
from tests.support.feeds import LocalFeed

PACKAGES = 190
DECIDED = ("open_source", "proprietary")
_Row = dict[str, str]


def made_up() -> list[_Row]:
    """The packages of one lock file."""
    names = [f"Contoso.Part{place:03}" for place in range(PACKAGES)]
    return [{"package_id": name, "version": "1.2.3", "license_expression": "MIT OR Apache-2.0"} for name in names]


def publish(feed: LocalFeed, rows: Sequence[_Row]) -> None:
    """Let the source have these versions."""
    for row in rows:
        feed.add(
            row["package_id"],
            version_key(row["version"]),
            row["license_expression"] or None,
            file=row.get("license_file") or None,
            url=row.get("license_url") or None,
        )


def lock(file: Path, rows: Sequence[_Row]) -> Path:
    """A lock file of these versions."""
    seen: Counter[str] = Counter()
    frameworks: dict[str, dict[str, object]] = defaultdict(dict)
    for row in rows:
        # Another version of the same package is that of another framework.
        seen[row["package_id"]] += 1
        section = frameworks[f"net{7 + seen[row['package_id']]}.0"]
        section[row["package_id"]] = {"type": "Direct", "resolved": row["version"]}
    file.write_text(json.dumps({"version": 1, "dependencies": frameworks}))
    return file


class Auditor:
    """Runs `pkgintel audit` against one source."""

    def __init__(self, feed: LocalFeed, folder: Path) -> None:
        self._feed = feed
        self._folder = folder
        self._lists = spdx(folder)

    def audit(self, files: Sequence[Path], database: str | None) -> tuple[dict[str, Any], float, int]:
        """The report, the seconds it took, and how many documents the source was asked for."""
        place = ["--no-database"] if database is None else []
        given = {} if database is None else {"PKGINTEL_DATABASE_URL": database}
        words = [*map(str, files), *place, "--source", self._feed.index, "--spdx", self._lists, "--json"]
        self._feed.forget()
        begun = time.monotonic()
        done = subprocess.run(
            [Path(sys.executable).with_name("pkgintel"), "audit", *words],
            capture_output=True,
            check=False,
            cwd=self._folder,
            env={**os.environ, "PKGINTEL_HOME": str(self._folder / "audits"), **given},
        )
        seconds = time.monotonic() - begun
        if done.returncode not in (0, 1):
            raise SystemExit(f"exit {done.returncode}: {done.stderr.decode()}")
        return json.loads(done.stdout), seconds, len(self._feed.requests)


def empty(servers: World, name: str) -> str:
    """The address of a new database without a schema."""
    with servers.admin() as admin:
        admin.execute(f"CREATE DATABASE {name}")
    return servers.services.postgres_url_for(name)


def starts(auditor: Auditor, servers: World, file: Path, turns: int) -> None:
    """Print what the first and the second audit take."""
    taken: dict[str, list[float]] = {"empty database": [], "the same again": [], "no database": []}
    requests = {}
    for turn in range(turns):
        url = empty(servers, f"audit_{turn}")
        for name, database in zip(taken, (url, url, None), strict=True):
            _, seconds, requests[name] = auditor.audit([file], database)
            taken[name].append(seconds)
    for name, times in taken.items():
        each = " ".join(f"{one:.2f}" for one in times)
        print(f"{PACKAGES} packages, {name}: {statistics.median(times):.2f} s ({each}), {requests[name]} requests")


def compare(auditor: Auditor, servers: World, rows: Sequence[_Row], folder: Path) -> None:
    """Print how the verdicts agree with those of the rows."""
    parts = [rows[start : start + PACKAGES] for start in range(0, len(rows), PACKAGES)]
    files = [lock(folder / f"packages.{number}.lock.json", part) for number, part in enumerate(parts)]
    url = empty(servers, "audit_truth")
    report, _, requests = auditor.audit(files, url)
    again, _, second = auditor.audit(files, url)
    found = {_key(one): one["verdict"] for one in report["packages"]}
    said = [(row, found.get(_key(row), "missing")) for row in rows]
    table = Counter((row["expected_verdict"], verdict) for row, verdict in said)
    for (expected, verdict), number in sorted(table.items()):
        print(f"expected {expected:<12} said {verdict:<14} {number:>5}")
    decided = [(row, verdict) for row, verdict in said if verdict in DECIDED and row["expected_verdict"] in DECIDED]
    right = sum(row["expected_verdict"] == verdict for row, verdict in decided)
    opened = [
        row["package_id"] for row, verdict in said if (row["expected_verdict"], verdict) == (DECIDED[1], DECIDED[0])
    ]
    print(f"{right} of {len(decided)} decided are right; {len(opened)} proprietary called open {' '.join(opened)}")
    print(f"{len(report['packages'])} of {len({_key(row) for row in rows})} versions listed in {len(files)} lock files")
    print(f"{requests / max(1, len(rows)):.3f} requests a package, {second} in the second audit")
    print("the second audit says the same" if again["packages"] == report["packages"] else "THE SECOND AUDIT DIFFERS")


def _key(row: Mapping[str, str]) -> tuple[str, str]:
    return row["package_id"].lower(), version_key(row["version"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("truth", nargs="?", type=Path)
    parser.add_argument("--turns", type=int, default=3)
    chosen = parser.parse_args()
    with world() as servers, LocalFeed(latency=LATENCY) as feed:
        auditor = Auditor(feed, servers.home)
        publish(feed, made_up())
        starts(auditor, servers, lock(servers.home / "packages.lock.json", made_up()), chosen.turns)
        if chosen.truth is not None:
            with chosen.truth.open(encoding="utf-8", newline="") as file:
                rows = [row for row in csv.DictReader(file) if row["version"]]
            publish(feed, rows)
            compare(auditor, servers, rows, servers.home)


if __name__ == "__main__":
    main()
