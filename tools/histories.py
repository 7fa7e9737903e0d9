"""A clone's history of a file: which commits of a branch touched it, and which bytes it had in each. Asks git only."""

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from tools.eras import spans

MOST_SECONDS = 600  # for one question to git
# Before this month GitHub called the first branch of a repository master, and since then main.
NAMED_MAIN = datetime(2020, 10, 1, tzinfo=UTC)
_LICENSE = re.compile(r"licen[cs]e|copying", re.IGNORECASE)
# git lists the history as it was made: no replacements, no grafts, and a path is a path and no pattern.
_ENVIRONMENT = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_LITERAL_PATHSPECS": "1", "GIT_GRAFT_FILE": os.devnull}


class Unclear(Exception):
    """A clone does not show what a branch was, in one sentence."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of a line of history, with the span of moments in which it was made and published (UTC)."""

    commit: str
    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of a clone: its names, the ref that holds it, and its first-parent history, oldest first."""

    names: tuple[str, ...]
    ref: str
    commits: tuple[Commit, ...]

    @property
    def end(self) -> datetime:
        """The moment up to which the history certainly reaches: no commit is published before it is made."""
        return max(commit.earliest for commit in self.commits)


class Clone:
    """A git directory with a whole history. Raises: Unclear when it is none, or is shallow or partial."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if self._git("rev-parse", "--is-shallow-repository").strip() != "false":
            raise Unclear("the clone is shallow, so it does not show every revision")
        self._refs = dict(
            line.split(" ")
            for line in self._git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
            if line.startswith(("refs/heads/", "refs/remotes/origin/", "refs/tags/"))
        )
        self._lines: dict[str, tuple[Commit, ...]] = {}

    @property
    def default(self) -> str:
        """The name of the branch that the repository shows first."""
        for head in ("refs/remotes/origin/HEAD", "HEAD"):
            said = self._git("symbolic-ref", "-q", head, may_fail=True).strip()
            if said:
                return said.removeprefix("refs/heads/").removeprefix("refs/remotes/origin/")
        raise Unclear("the clone's HEAD is no branch")

    def branch(self, name: str) -> Branch:
        """The branch of a name, under all its names.

        Raises: Unclear when there is none, or when a tag of the same name says something else.
        """
        ref = self._holding(name)
        if ref is None and name == "master":
            ref = self._holding("main")  # GitHub leads from the old name of a renamed branch to the new one.
            if ref and self._line(ref)[0].latest >= NAMED_MAIN:
                raise Unclear("there is no branch master, and the history is too young to have had one")
        if ref is None:
            raise Unclear(f"there is no branch {name}")
        names = {name, ref.removeprefix("refs/heads/").removeprefix("refs/remotes/origin/").removeprefix("refs/tags/")}
        return Branch(tuple(sorted(names)), ref, self._line(ref))

    def revisions(self, branch: Branch, file: str) -> list[tuple[Commit, str]]:
        """The commits of the branch after which a file was another one, oldest first, each with the blob's id or ""."""
        touched = self._git("log", "--first-parent", "--format=%H", branch.ref, "--", file).split()
        made = {commit.commit: commit for commit in branch.commits}
        return [(made[commit], self._blob(commit, file)) for commit in reversed(touched)]

    def other_names(self, commit: str, file: str) -> set[str]:
        """The names that a license file had before a commit brought it, or got by the one that took it away.

        A file of the same bytes, or a license file in the same folder.
        """
        before = self._git("rev-parse", "--verify", "--quiet", f"{commit}^1", may_fail=True).strip()
        if not before:
            return set()
        fields = self._git("diff-tree", "-r", "-z", "--no-renames", before, commit).split("\0")
        changed = {name: what.split() for name, what in zip(fields[1::2], fields[0::2], strict=False)}
        _, _, old, new, status = changed[file]
        came, blob = ("D", old) if status == "D" else ("A", new)
        return {
            name
            for name, (_, _, one, other, how) in changed.items()
            if _LICENSE.search(name)
            and (how, came) in {("A", "D"), ("D", "A")}
            and (blob in (one, other) or PurePosixPath(name).parent == PurePosixPath(file).parent)
        }

    def goes_on_from(self, former: "Clone") -> bool:
        """Whether this clone's first branch holds the newest commit of another clone's first branch."""
        newest = former.branch(former.default).commits[-1].commit
        return newest in {commit.commit for commit in self.branch(self.default).commits}

    def body(self, blob: str) -> bytes:
        """The bytes of a blob."""
        return self._run("cat-file", "blob", blob).stdout

    def _blob(self, commit: str, file: str) -> str:
        for line in self._git("ls-tree", "-z", commit, "--", file).split("\0"):
            what, _, path = line.partition("\t")
            mode, kind, blob = what.split() if what else ("", "", "")
            if path == file:
                return blob if kind == "blob" and mode in {"100644", "100755", "100664"} else f"not-a-file:{mode}"
        return ""

    def _holding(self, name: str) -> str | None:
        heads = [ref for ref in (f"refs/heads/{name}", f"refs/remotes/origin/{name}") if ref in self._refs]
        tag = f"refs/tags/{name}"
        if heads and tag in self._refs and self._commit(tag) != self._commit(heads[-1]):
            raise Unclear(f"{name} is both a branch and a tag")
        # An archived repository may keep its branch as a tag; a tag by another name is a release, and no line of work.
        return heads[-1] if heads else tag if tag in self._refs and name in {"master", "main"} else None

    def _commit(self, ref: str) -> str:
        return self._git("rev-parse", f"{ref}^{{commit}}").strip()

    def _line(self, ref: str) -> tuple[Commit, ...]:
        if ref not in self._lines:
            rows = [row.split() for row in self._git("log", "--first-parent", "--format=%H %at %ct", ref).splitlines()]
            rows.reverse()
            dates = [(_moment(authored), _moment(committed)) for _, authored, committed in rows]
            names = (row[0] for row in rows)
            self._lines[ref] = tuple(Commit(name, *span) for name, span in zip(names, spans(dates), strict=True))
        return self._lines[ref]

    def _git(self, *words: str, may_fail: bool = False) -> str:
        return self._run(*words, may_fail=may_fail).stdout.decode("utf-8", "surrogateescape")

    def _run(self, *words: str, may_fail: bool = False) -> "subprocess.CompletedProcess[bytes]":
        asked = subprocess.run(
            ["git", "--git-dir", str(self._folder), *words],
            capture_output=True,
            timeout=MOST_SECONDS,
            env=os.environ | _ENVIRONMENT,
            check=False,
        )
        if asked.returncode and not may_fail:
            says = asked.stderr.decode("utf-8", "replace").strip().splitlines()
            raise Unclear(f"git {words[0]}: {says[-1] if says else 'failed'}")
        return asked


def _moment(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
