"""Count the nuspecs that name a repository commit: `python -m tools.nuspec_commits CLONE…`

A clone is read through its whole history, for nuspecs that somebody kept as a source served them: below folders named
by package and version (`…/system.memory/4.5.5/package.nuspec`) and of that package and version. Templates, and what a
build fills in later, are left out so. Each version counts once.
"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from pkgintel.audit import nuspec
from pkgintel.audit.manifests import content
from pkgintel.errors import UpstreamChanged
from pkgintel.licenses import urls
from pkgintel.nuget import version
from pkgintel.nuget.documents import package_key

COMMIT = re.compile(r"[0-9a-f]{40}")

Key = tuple[str, str]


def kept(clone: Path) -> Iterator[tuple[Key, bytes]]:
    """Package, version and bytes of each nuspec that a commit of a clone put into folders so named."""
    said = _git(clone, "log", "--all", "--format=", "--raw", "--no-abbrev", "--diff-filter=AM", "--", "*.nuspec")
    files = {tuple(line.split("\t", 1)) for line in said.decode("utf-8", "replace").splitlines() if "\t" in line}
    for raw, path in sorted(files):
        folders = PurePosixPath(path).parts[-3:-1]
        try:
            key = package_key(folders[0]), version.parse(folders[1]).key
        except (IndexError, ValueError):
            continue
        yield key, _git(clone, "cat-file", "blob", raw.split()[3])


def kind(key: Key, body: bytes) -> tuple[str, bool] | None:
    """What a nuspec declares, and whether it names a whole commit; None of what is no nuspec of that version."""
    try:
        declaration = nuspec.read(body, key, "the nuspec").declaration
    except UpstreamChanged:
        return None
    metadata = content.children(content.xml(body), "metadata")[0]
    named = any(
        COMMIT.fullmatch(content.attribute(one, "commit") or "") for one in content.children(metadata, "repository")
    )
    if declaration.expression:
        return "an expression", named
    if declaration.file:
        return "a file", named
    if not declaration.url:
        return "nothing", named
    on_host = urls.read(declaration.url).kind in {"project-file", "pinned-file"}
    return "the address of a file on a code host" if on_host else "another address", named


def count(nuspecs: Iterable[tuple[Key, bytes]]) -> tuple[Counter[str], Counter[str]]:
    """How many versions declare each kind, and how many of these name a commit."""
    found: dict[Key, tuple[str, bool]] = {}
    for key, body in nuspecs:
        if key not in found and (one := kind(key, body)):
            found[key] = one
    return Counter(how for how, _ in found.values()), Counter(how for how, named in found.values() if named)


def _git(clone: Path, *words: str) -> bytes:
    return subprocess.run(["git", "-C", str(clone), *words], capture_output=True, check=True).stdout


def main() -> None:
    """Print the numbers."""
    versions, named = count(one for clone in sys.argv[1:] for one in kept(Path(clone)))
    for how, number in versions.most_common():
        print(f"{how:<38} {number:>6}, {named[how]:>6} name a commit")
    print(f"{'together':<38} {versions.total():>6}, {named.total():>6} name a commit")


if __name__ == "__main__":
    main()
