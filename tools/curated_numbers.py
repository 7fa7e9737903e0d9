"""Show how many curated verdicts are reached with texts: `python -m tools.curated_numbers TABLE DIR --spdx LIST`

TABLE is what `pkgintel judge` reads, with the verdict that was expected. DIR/index.csv says which file of DIR is the
license text that a package of TABLE points at (group truth). The rows are judged as they are, and once more with a date
for those that have none: `curated_dates.csv` has the day of a public commit that made the version, or names it. What
stays undecided is listed by its declaration.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pkgintel.licenses import measure, rows
from pkgintel.licenses.meaning import Reader
from pkgintel.licenses.texts.reading import read
from pkgintel.licenses.texts.verdict import verdict_of
from pkgintel.licenses.verdict import Judge

DATES = Path(__file__).with_name("curated_dates.csv")

Key = tuple[str, str]


def by_version(path: Path, column: str) -> dict[Key, str]:
    """What a column says of each package and version; of a table with groups, of those in the group truth."""
    with path.open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if row.get("group", "truth") == "truth"]
    return {(row["package_id"].lower(), row["version"]): row[column] for row in found}


def reached(judged: list[rows.JudgedRow], said: Mapping[Key, str]) -> tuple[list[tuple[str, str]], Counter[str]]:
    """(expected, verdict) of each row that can be decided, the text at hand deciding what its declaration does not.

    Second, how many rows of each declaration stay undecided.
    """
    pairs, missing = [], Counter[str]()
    for item in judged:
        if item.expected not in measure.DECIDED:
            continue
        verdict = item.verdict.verdict
        if verdict == "unknown":
            verdict = said.get((item.row["package_id"].lower(), item.row["version"]), "unknown")
        if verdict == "unknown":
            missing[item.row["license_url"] or item.row["license_file"] or "nothing declared"] += 1
        pairs.append((item.expected, verdict))
    return pairs, missing


def show(title: str, pairs: list[tuple[str, str]], missing: Counter[str]) -> None:
    """Print the shares, and what stays undecided."""
    decided = [(expected, verdict) for expected, verdict in pairs if verdict != "unknown"]
    right = sum(expected == verdict for expected, verdict in decided)
    opened = decided.count(("proprietary", "open_source"))
    print(f"{title}: {len(decided)} of {len(pairs)} decided ({len(decided) / len(pairs):.4f}), {right} of these right")
    print(f"  proprietary called open: {opened}")
    for declared, number in missing.most_common():
        print(f"  {number:>3} undecided: {declared}")


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", metavar="TABLE", type=Path)
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--spdx", type=Path, required=True)
    options = parser.parse_args()
    judge = Judge(rows.read_license_list(options.spdx))
    reader = Reader(judge.license_list)
    files = by_version(options.folder / "index.csv", "file")
    verdicts = {name: verdict_of(read((options.folder / name).read_bytes()), reader) for name in set(files.values())}
    said = {key: verdicts[name] for key, name in files.items()}
    days, table = by_version(DATES, "day"), rows.read_rows(options.table)
    show("as they are", *reached(rows.judge_rows(table, judge), said))
    for row in table:
        row["created"] = row["created"] or days.get((row["package_id"].lower(), row["version"]), "")
    show("with dates", *reached(rows.judge_rows(table, judge), said))


if __name__ == "__main__":
    main()
