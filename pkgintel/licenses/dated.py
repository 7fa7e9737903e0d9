"""License files of repositories: every revision that was read, and the time in which all of them granted open terms.

`dated.csv` beside this module is made by `tools/dated_licenses.py` from git histories. A row says that whatever FILE in
REPOSITORY showed on a branch from one day until another was read, and granted these licenses. That is about the past,
so it cannot change. Each commit that was read is a fact of its own: what a file says at a commit has no end.

Only an address of this very file counts: its repository in any case, as the host takes it; branch and path in theirs.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType

from pkgintel.licenses import facts
from pkgintel.licenses.pages import Entry, History, day

COLUMNS = ("host", "repository", "file", "branches", "licenses", "from", "until", "ended", "commits", "blobs")
SOURCE = "every revision in the repository's history"


@cache
def table() -> Mapping[str, tuple[Entry, ...]]:
    """What is known of a file by its exact address (`urls.Address.file`), the eras of a branch oldest first."""
    return of(facts.rows("dated"))


def of(rows: Iterable[facts.Row]) -> Mapping[str, tuple[Entry, ...]]:
    """The table that rows make, those of one file in the order of time."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for row in rows:
        for fact in _facts(row):
            if fact not in found[fact.key]:  # Two branches share the commits from before they parted.
                found[fact.key].append(fact)
    return MappingProxyType({key: tuple(entries) for key, entries in found.items()})


def _facts(row: facts.Row) -> Iterator[Entry]:
    licenses = tuple(row["licenses"].split("|"))
    commits = tuple(row["commits"].split())
    place = f"{row['host']}/{row['repository']}"
    for branch in row["branches"].split():
        history = History(place, row["file"], branch, commits, row["ended"])
        for ref in (branch, f"refs/heads/{branch}"):
            yield _entry(row, ref, licenses, history, dated=True)
    if len(licenses) == 1:
        for commit in commits:
            yield _entry(row, commit, licenses, History(place, row["file"], commit, (commit,)), dated=False)


def _entry(row: facts.Row, ref: str, licenses: tuple[str, ...], history: History, *, dated: bool) -> Entry:
    url = f"https://{row['host']}/{row['repository']}/blob/{ref}/{row['file']}"
    return Entry(
        key(row["host"], row["repository"], ref, row["file"]),
        url,
        licenses,
        "derive",
        SOURCE if dated else "the text, read at this commit",
        nature="dated" if dated else "pinned",
        since=day(row["from"]) if dated else None,
        until=day(row["until"]) if dated else None,
        history=history,
    )


def key(host: str, repository: str, ref: str, file: str) -> str:
    """The address of a file as `urls.Address.file` has it."""
    return f"{host}/{repository.lower()}/blob/{ref}/{file}"
