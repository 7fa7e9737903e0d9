"""Make `pkgintel/licenses/dated.csv` again: when the license files that packages point at granted open terms.

    python -m tools.dated_licenses --clones DIR [--clone] [--only OWNER/NAME …]

    --clones    a directory of git clones with whole histories: DIR/owner/name, bare or not, in lower case
    --clone     clone from the host what is not there yet (git, no work tree)
    --only      read these repositories only, and keep the rows of the others

`tools/license_files.csv` names the files, those that most packages point at first, and what a repository was called
later. Of each, every revision on the first-parent history of the branch is read, word for word, and the names that the
file had before or got later are read too. The table holds facts alone: commits, blobs, days and SPDX ids. One clone
gives the same rows each time. What is not read as open gives no row, and a line on stderr says why.
"""

import argparse
import csv
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pkgintel.licenses import dated, facts, pages
from pkgintel.licenses.meaning import Reader
from pkgintel.licenses.texts import library
from pkgintel.licenses.texts.reading import read
from pkgintel.licenses.texts.verdict import meaning_of
from tools.eras import Era, Revision, eras
from tools.histories import Branch, Clone, Unclear

WANTED = Path(__file__).with_name("license_files.csv")
HOST = "github.com"
ALWAYS = ("master", "main")  # Read beside the branches that packages name, where a repository has them.

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A repository under the name that packages declare, and its (file, branch) pairs.

    `later` is the name that it was given after `named_until`, up to which packages were seen that declare this one.
    """

    repository: str
    files: list[tuple[str, str]]
    later: str
    named_until: datetime


class Terms:
    """What blobs grant, each read once: an SPDX expression, or "" where it is not read as open."""

    def __init__(self) -> None:
        self._reader = Reader(library.license_list())
        self._known: dict[str, str] = {"": ""}

    def of(self, clone: Clone, blob: str) -> str:
        if blob not in self._known:
            self._known[blob] = "" if blob.startswith("not-a-file") else self._read(clone.body(blob))
        return self._known[blob]

    def _read(self, body: bytes) -> str:
        reading = read(body)
        return reading.expression if meaning_of(reading, self._reader) == "open" else ""


def branches_of(clone: Clone, repository: str, wanted: Sequence[str]) -> list[Branch]:
    """The branches that packages name and those that every repository has, each once, under all its names."""
    found: dict[str, Branch] = {}
    for name in dict.fromkeys([*wanted, clone.default, *ALWAYS]):
        try:
            branch = clone.branch(name)
        except Unclear as why:
            if name in wanted:
                say(repository, str(why))
            continue
        names = {*branch.names, *(found[branch.ref].names if branch.ref in found else ())}
        found[branch.ref] = Branch(tuple(sorted(names)), branch.ref, branch.commits)
    return list(found.values())


def names_of(clone: Clone, branch: Branch, files: Iterable[str]) -> list[str]:
    """The files, and every name that one of them had before or got later."""
    known = list(files)
    for file in known:  # It grows while it is read.
        before = False
        for commit, blob in clone.revisions(branch, file):
            if bool(blob) != before:
                known += sorted(clone.other_names(commit.commit, file) - set(known))
            before = bool(blob)
    return known


def rows_of(clone: Clone, wanted: Wanted, terms: Terms) -> Iterator[Row]:
    """The rows of one repository. What gives none is said on stderr."""
    shown = set()
    for branch in branches_of(clone, wanted.repository, [name for _, name in wanted.files]):
        for file in names_of(clone, branch, dict.fromkeys(file for file, _ in wanted.files)):
            history = [
                Revision(commit.commit, commit.earliest, commit.latest, blob, terms.of(clone, blob))
                for commit, blob in clone.revisions(branch, file)
            ]
            for era in eras(history, min(branch.end, wanted.named_until)):
                shown |= {(file, name) for name in branch.names}
                yield row(wanted.repository, file, branch, era)
    for file, name in wanted.files:
        if (file, name) not in shown:
            say(wanted.repository, f"{file} on {name} was never read as open")


def row(repository: str, file: str, branch: Branch, era: Era) -> Row:
    """An era as the table has it."""
    read_revisions = [revision for revision in era.revisions if revision.blob]
    values = (
        HOST,
        repository,
        file,
        " ".join(branch.names),
        "|".join(era.licenses),
        era.since.date().isoformat(),
        era.until.date().isoformat(),
        era.ended,
        " ".join(revision.commit for revision in read_revisions),
        " ".join(dict.fromkeys(revision.blob for revision in read_revisions)),
    )
    return dict(zip(dated.COLUMNS, values, strict=True))


def say(repository: str, what: str) -> None:
    print(f"{repository}: {what}", file=sys.stderr)


def wanted_files() -> list[Wanted]:
    """What is to be read, in the order of the file."""
    found: dict[str, Wanted] = {}
    with WANTED.open(encoding="utf-8", newline="") as file:
        for one in csv.DictReader(file):
            last = pages.day(one["named_until"]) or datetime.now(UTC)
            wanted = found.setdefault(one["repository"], Wanted(one["repository"], [], one["later"], last))
            wanted.files.append((one["file"], one["branch"]))
    return list(found.values())


def cloned(clones: Path, wanted: Wanted, *, may_clone: bool) -> Clone:
    """The clone in which a repository's history is read.

    Raises: Unclear when there is none, when its history is not whole, or when it does not go on from the clone that was
    made by the repository's former name.
    """
    own = clone_of(clones, wanted.repository, may_clone=may_clone)
    if not wanted.later:
        return own
    later = clone_of(clones, wanted.later, may_clone=may_clone)
    if not later.goes_on_from(own):
        raise Unclear(f"{wanted.later} does not go on from it")
    return later


def clone_of(clones: Path, repository: str, *, may_clone: bool) -> Clone:
    """The clone of a name. Raises: Unclear when there is none, or its history is not whole."""
    folder = clones / repository.lower()
    if not folder.exists() and may_clone:
        folder.parent.mkdir(parents=True, exist_ok=True)
        asked = ["git", "clone", "--quiet", "--bare", f"https://{HOST}/{repository}.git", str(folder)]
        subprocess.run(asked, env=os.environ | {"GIT_TERMINAL_PROMPT": "0"}, check=False)
    if not folder.exists():
        raise Unclear("there is no clone of it")
    return Clone(folder / ".git" if (folder / ".git").is_dir() else folder)


def kept(only: Sequence[str]) -> list[Row]:
    """The rows of the table that are not read again."""
    again = {name.lower() for name in only}
    return [dict(one) for one in facts.rows("dated") if only and one["repository"].lower() not in again]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clones", type=Path, required=True)
    parser.add_argument("--clone", action="store_true")
    parser.add_argument("--only", nargs="+", default=[])
    asked = parser.parse_args()
    found, terms = kept(asked.only), Terms()
    for wanted in wanted_files():
        if asked.only and wanted.repository.lower() not in {name.lower() for name in asked.only}:
            continue
        try:
            found += rows_of(cloned(asked.clones, wanted, may_clone=asked.clone), wanted, terms)
        except Unclear as why:
            say(wanted.repository, str(why))
    found.sort(key=lambda one: tuple(one[name].lower() for name in ("repository", "file", "branches", "from")))
    with (facts.FOLDER / "dated.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, dated.COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


if __name__ == "__main__":
    main()
