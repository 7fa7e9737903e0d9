"""Show what the license texts of well-known packages say that went commercial: `python -m tools.commercialised DIR…`

`commercialised.csv` names the packages, the verdict that an expert gives on those versions, and where their text
stands: repository, commit, path, and the sha256 of its bytes. Each text is looked for by that digest: in the files of
the directories, and in git clones at DIR/owner/name, DIR/owner+name or DIR/owner+name/repo. No text is kept in this
repository, for most of them may not be copied.
"""

import argparse
import csv
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from pkgintel.licenses.texts import library
from pkgintel.licenses.texts.hand import Span, StoredDifference, StoredReading, TextAtHand
from pkgintel.licenses.texts.reading import Reading, read
from pkgintel.licenses.verdict import Declaration, Judge, Verdict

TABLE = Path(__file__).with_name("commercialised.csv")
MOST_BYTES = 1_000_000
NOW = datetime(2026, 11, 28, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Package:
    """A package that went commercial, and a text that its versions have since."""

    package: str
    expected: str
    repository: str
    commit: str
    path: str
    sha256: str


def packages() -> list[Package]:
    """The rows of the table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [Package(**row) for row in csv.DictReader(file)]


def verdict(body: bytes) -> Verdict:
    """The verdict on a version that has the text as its license file."""
    return Judge(library.license_list()).judge(Declaration(file="LICENSE"), NOW, at_hand(read(body)))


def at_hand(reading: Reading) -> TextAtHand:
    """A reading as the file inside a version."""
    stored = StoredReading(
        status=reading.status,
        licenses=reading.licenses,
        expression=reading.expression,
        method=reading.method,
        similarity=reading.similarity,
        differences=tuple(
            StoredDifference(missing=o.missing, added=o.added, after=o.after) for o in reading.differences
        ),
        closed=reading.closed,
        encoding=reading.encoding,
        why=reading.why,
    )
    span = Span(sha256=reading.sha256, first_read=NOW, last_read=NOW, asked="", answered=None, reading=stored)
    return TextAtHand(kind="embedded", reader="", stands_from=None, spans=(span,), ended=None)


def texts(folders: Iterable[Path], wanted: Sequence[Package]) -> dict[str, bytes]:
    """Digest → bytes of the texts that lie in the directories, or in clones below them."""
    digests = {one.sha256 for one in wanted}
    found: dict[str, bytes] = {}
    for folder in folders:
        for body in [*_files(folder), *_commits(folder, wanted)]:
            digest = sha256(body).hexdigest()
            if digest in digests:
                found[digest] = body
    return found


def _files(folder: Path) -> Iterator[bytes]:
    for path in folder.iterdir():
        if path.is_file() and path.stat().st_size <= MOST_BYTES:
            yield path.read_bytes()


def _commits(folder: Path, wanted: Sequence[Package]) -> Iterator[bytes]:
    for one in wanted:
        joined = one.repository.replace("/", "+")
        for place in (joined, f"{joined}/repo", one.repository, one.repository.lower()):
            if (folder / place).is_dir():
                asked = ["git", "-C", str(folder / place), "cat-file", "blob", f"{one.commit}:{one.path}"]
                yield subprocess.run(asked, check=False, capture_output=True).stdout


def main() -> int:
    """Print a line a package and the count. Exit code 1 where a verdict is not the expert's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", metavar="DIR", type=Path, nargs="+")
    wanted = packages()
    known = texts(parser.parse_args().folders, wanted)
    right = wrong = 0
    for one in wanted:
        body = known.get(one.sha256)
        found = verdict(body) if body is not None else None
        right += found is not None and found.verdict == one.expected
        wrong += found is not None and found.verdict not in {one.expected, "unknown"}
        said = f"{found.verdict:<12} {found.rule:<12} {found.reason[:160]}" if found else "no text at hand"
        print(f"{one.package:<29} expert: {one.expected:<12} here: {said}")
    print(f"{right} of {len(wanted)} decided as an expert would, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
