"""The verdict on every version of an audit: from the database where it is stored, else looked up at a package source.

A version that is stored nowhere costs one request, for its nuspec. Nothing is judged from a feed's registration, which
does not say that a license is a file.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

import pydantic_core

from pkgintel.audit import answer, nuspec
from pkgintel.audit.answer import Answer
from pkgintel.audit.package import Package
from pkgintel.audit.store import Key, LookedUp, Store
from pkgintel.errors import UpstreamChanged, UpstreamError
from pkgintel.licenses.texts.hand import TextAtHand
from pkgintel.licenses.verdict import Declaration, Judge
from pkgintel.nuget import version

if TYPE_CHECKING:
    from pkgintel.upstream.client import Client
    from pkgintel.upstream.feeds import Feed, Found
    from pkgintel.upstream.slots import Limit

_MOST_VERSIONS = 20_000
_BATCH = 200  # Looked up and stored together; what is stored stays when a person stops the rest.
# Source: NuGet.Packaging, PackageIdValidator.
_ID = re.compile(r"\w+(?:[.-]\w+)*")
_LONGEST_ID = 100


@dataclass
class Asking:
    """A package source that versions are looked up at, and how many requests that took."""

    client: "Client"
    limit: "Limit"
    feed: "Feed"
    requests: int = 0
    failures: list[str] = field(default_factory=list)

    def fetch(
        self, urls: Sequence[str], tick: Callable[[int], None] | None = None, until: float | None = None
    ) -> "list[Found]":
        """What is at each address, as far as it comes `until` then (monotonic seconds)."""
        from pkgintel.upstream import feeds  # Slow to import, and not needed where nothing is looked up.

        self.requests += len(urls)
        return feeds.fetch(self.client, self.feed, urls, self.limit, tick, until)


class Lookup:
    """Answers for versions, each made once. `open_source` makes the connection to a source when it is first needed.

    `reads` has those of some versions read that the catalog announced and nobody read yet.
    """

    def __init__(
        self,
        judge: Callable[[], Judge],
        store: Store | None,
        source: str,
        open_source: Callable[[], Asking] | None,
        tick: Callable[[int, int], None] | None = None,
        reads: Callable[[Sequence[Key]], int] | None = None,
    ) -> None:
        self._make_judge = judge
        self.store = store
        self.source = source
        self.asking: Asking | None = None
        self.failure: str | None = None
        self.asked: set[Key] = set()
        self._open = open_source
        self._tick = tick
        self._reads = reads
        self.trouble: list[str] = []
        self._verdicts: dict[tuple[Declaration, datetime | None], Answer] = {}

    @cached_property
    def judge(self) -> Judge:
        """Made when the first verdict is needed, for it takes a quarter of a second."""
        return self._make_judge()

    @property
    def requests(self) -> int:
        """How many documents the source was asked for, its service index among them."""
        return self.asking.requests if self.asking is not None else 0

    def answers(self, packages: Sequence[Package], withheld: Callable[[Package], str | None]) -> dict[Key, Answer]:
        """The answer for every package, by its key. `withheld` says why nobody outside may be asked about one."""
        found: dict[Key, Answer] = {}
        for package in packages:
            why = withheld(package)
            if why is not None:
                found[package.key] = answer.private(why)
            elif package.version is None:
                found[package.key] = answer.not_resolved(package)
            elif not _can_be(package):
                found[package.key] = answer.not_found("NuGet takes no such id or version, so any source")
        found |= self.stored([one.key for one in packages if one.key not in found])
        if self.read_unread([one.key for one in packages if one.key not in found]):
            found |= self.stored([one.key for one in packages if one.key not in found])
        found |= self._kept([one for one in packages if one.key not in found])
        found |= self._fetched([one for one in packages if one.key not in found])
        return found

    def judged(
        self,
        declaration: Declaration,
        created: datetime | None,
        of: answer.Source,
        url: str,
        hand: TextAtHand | None = None,
    ) -> Answer:
        """The answer for a declaration; equal ones of one date are judged once, but for a text at hand."""
        asked = (declaration, created)
        known = self._verdicts.get(asked) if hand is None else None
        if hand is not None:
            known = answer.judged(self.judge.judge(declaration, created, hand), declaration, of, url)
        elif known is None:
            verdict = self.judge.judge(declaration, created)
            known = self._verdicts[asked] = answer.judged(verdict, declaration, of, url)
        return Answer(known.verdict, known.rule, known.reason, known.evidence, known.spdx_ids, declaration, of, url)

    def stored(self, keys: Sequence[Key]) -> dict[Key, Answer]:
        """The answers for those of some versions that the catalog brought."""
        rows = self.store.stored(keys) if self.store is not None and keys else {}
        return {
            key: self.judged(row.declaration, row.created, "database", row.leaf_url, row.hand)
            for key, row in rows.items()
        }

    def read_unread(self, keys: Sequence[Key]) -> int:
        """Have those of some versions read that the catalog announced and nobody read yet; how many were."""
        if self._reads is None or not keys:
            return 0
        try:
            return self._reads(keys)
        except UpstreamError as error:
            self.trouble.append(f"the catalog does not answer, so its unread versions are looked up: {error}")
            return 0

    def _kept(self, packages: Sequence[Package]) -> dict[Key, Answer]:
        if self.store is None or not packages:
            return {}
        rows = self.store.looked_up(self.source, [one.key for one in packages])
        return {key: self._of(row) for key, row in rows.items()}

    def _of(self, row: LookedUp) -> Answer:
        if row.declaration is None:
            return answer.not_found(self.source, row.document_url)
        return self.judged(row.declaration, None, "nuspec", row.document_url)

    def _fetched(self, packages: Sequence[Package]) -> dict[Key, Answer]:
        asking = self.opened() if packages else None
        if asking is None:
            why = self.failure if self.failure is not None else "nothing was to be sent (--offline)"
            return {one.key: answer.not_looked_up(why) for one in packages}
        found: dict[Key, Answer] = {}
        for start in range(0, len(packages), _BATCH):
            keys = [one.key for one in packages[start : start + _BATCH]]
            rows = self.look_up(keys, packages[start : start + _BATCH], len(packages), start)
            found |= rows
        return found

    def look_up(
        self, keys: Sequence[Key], packages: Sequence[Package], total: int = 0, before: int = 0
    ) -> dict[Key, Answer]:
        """The answers of the source itself, which are kept where there is a database."""
        asking = self.opened()
        if asking is None:
            return {}
        urls = [asking.feed.nuspec(*key) for key in keys]
        tick = self._tick
        bodies = asking.fetch(urls, (lambda done: tick(before + done, total)) if tick is not None else None)
        rows: dict[Key, LookedUp] = {}
        found: dict[Key, Answer] = {}
        for package, url, one in zip(packages, urls, bodies, strict=True):
            try:
                rows[package.key] = _read(package, url, one)
                found[package.key] = self._of(rows[package.key])
            except UpstreamError as error:
                asking.failures.append(str(error))
                found[package.key] = answer.not_looked_up(str(error).rstrip("."))
        if self.store is not None:
            self.store.keep(self.source, rows)
        self.asked |= set(keys)
        return found

    def versions(self, package_key: str) -> Sequence[str] | None:
        """The versions of a package that the source lists, none if it does not answer; None where nobody is asked."""
        kept = self.store.listed(self.source, package_key) if self.store is not None else None
        if kept is not None:
            return kept
        asking = self.opened()
        if asking is None:
            return None
        body = asking.fetch([asking.feed.versions(package_key)])[0]
        listed = _listed(body.body) if body.error is None else None
        if listed is not None and self.store is not None:
            self.store.keep_list(self.source, package_key, listed)
        return listed or []

    def opened(self) -> Asking | None:
        """The connection to the package source; None where nobody is to be asked, or `failure` says why not."""
        if self.asking is None and self._open is not None and self.failure is None:
            try:
                self.asking = self._open()
            except UpstreamError as error:
                self.failure = str(error).rstrip(".")
        return self.asking


def _read(package: Package, url: str, found: "Found") -> LookedUp:
    """What came of one address. Raises: UpstreamError."""
    if found.error is not None:
        raise found.error
    said = package.version if package.version is not None else package.version_key
    if found.body is None:
        return LookedUp(package.package_id, said, None, url)
    try:
        read = nuspec.read(found.body, package.key, url)
    except (ValueError, RecursionError) as error:
        raise UpstreamChanged(f"{url} is no nuspec: {error}", url) from None
    return LookedUp(read.package_id, read.version, read.declaration, url, found.body)


def _listed(body: bytes | None) -> list[str] | None:
    """The versions in a list, as far as they are any: of a package that is not there none, None where it is no list."""
    try:
        document = pydantic_core.from_json(body) if body is not None else {"versions": []}
    except ValueError:
        return None
    said = document.get("versions") if isinstance(document, dict) else None
    return [one for one in said[:_MOST_VERSIONS] if _is_version(one)] if isinstance(said, list) else None


def _is_version(said: object) -> bool:
    try:
        return isinstance(said, str) and bool(version.parse(said).key)
    except ValueError:
        return False


def _can_be(package: Package) -> bool:
    """Whether NuGet would take the id and the version; others are part of no address."""
    if not _is_version(package.version):
        return False
    return len(package.package_id) <= _LONGEST_ID and _ID.fullmatch(package.package_id) is not None
