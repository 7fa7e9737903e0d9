"""Measure the reader on collected license texts: `python -m tools.text_numbers DIR [--changes N] [--seed N]`

DIR/index.csv has the columns file, group and text_says, a row for each package that has the text; `text_says` is what a
careful reader says of it: open_source, proprietary, unknown, or something else that is only not open_source. Each
text that is read as open is then changed N times, harmfully and harmlessly (`tools/mutations.py`).
"""

import argparse
import csv
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

from pkgintel.licenses.meaning import Reader
from pkgintel.licenses.texts import library
from pkgintel.licenses.texts.decode import NotText, TooLong, decode
from pkgintel.licenses.texts.reading import read
from pkgintel.licenses.texts.verdict import verdict_of
from tools.mutations import HARMFUL, harmless

LONGEST = 15_000  # characters of a text that is changed
MIGHT = "or"  # "unknown or open_source": either is right


def peak() -> float:
    """The most memory that this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: Path) -> dict[str, str]:
    """Print what the texts of a directory are read as; file → verdict."""
    before = peak()
    reader = Reader(library.license_list())
    library.library()
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    verdicts: dict[str, str] = {}
    seconds = []
    for name in dict.fromkeys(row["file"] for row in rows):
        body = (folder / name).read_bytes()
        begun = time.process_time()
        found = read(body)
        seconds.append(time.process_time() - begun)
        verdicts[name] = verdict_of(found, reader)
    told = Counter((row["group"], row["text_says"] or "-", verdicts[row["file"]]) for row in rows)
    for (group, says, verdict), count in sorted(told.items()):
        print(f"{group:<22} {says:<24} read as {verdict:<12} {count:>4}")
    certain = [row for row in rows if row["group"] == "truth" and MIGHT not in row["text_says"].split()]
    decided = [row for row in certain if verdicts[row["file"]] != "unknown"]
    right = sum(verdicts[row["file"]] == row["text_says"] for row in decided)
    opened = [row for row in rows if row["text_says"] in {"proprietary", "unknown", "not open_source"}]
    wrong = sum(verdicts[row["file"]] == "open_source" for row in opened)
    print(f"truth: {right} of {len(decided)} decided are right, {len(decided)} of {len(certain)} rows are decided")
    print(f"{wrong} of {len(opened)} rows that are closed or undecided are called open")
    seconds.sort()
    print(f"p95 {1000 * seconds[int(0.95 * len(seconds))]:.1f} ms, worst {1000 * seconds[-1]:.0f} ms a text")
    print(f"memory {peak() - before:+.0f} MB")
    return verdicts


def change(folder: Path, names: list[str], times: int, seed: int) -> int:
    """Print how many changed texts are still open; how many harmful ones are."""
    reader, random = Reader(library.license_list()), Random(seed)  # noqa: S311 - changes that can be made again
    texts = []
    for name in names:
        try:
            text = decode((folder / name).read_bytes()).text
        except (NotText, TooLong):
            continue
        texts += [text] if len(text) <= LONGEST else []
    total = opened = 0
    for kind in HARMFUL:
        made = [changed for text in texts for _ in range(times) if (changed := kind(text, random)) not in {None, text}]
        left = [
            one for one in made if one and verdict_of(read(one.encode("utf-8", "replace")), reader) == "open_source"
        ]
        print(f"{kind.__name__:<14} {len(made):>6} changed, {len(left)} still open")
        total, opened = total + len(made), opened + len(left)
    dresses = [harmless(text, random) for text in texts for _ in range(4 * times)]
    bodies = [one if isinstance(one, bytes) else one.encode() for one in dresses]
    kept = sum(verdict_of(read(body), reader) == "open_source" for body in bodies)
    print(f"harmful: {opened} of {total} still open; harmless: {kept} of {len(bodies)} kept their verdict")
    return opened


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--changes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=14)
    options = parser.parse_args()
    verdicts = measure(options.folder)
    sys.stdout.flush()
    opened = [name for name, verdict in verdicts.items() if verdict == "open_source"]
    change(options.folder, opened, options.changes, options.seed)


if __name__ == "__main__":
    main()
