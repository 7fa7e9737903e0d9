"""What an audit works with: a database where there is one, a package source, the limit on requests, and the policy."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pkgintel import database
from pkgintel.audit import inputs, last_open, license_list, nuget_config, place, terms
from pkgintel.audit import policy as policies
from pkgintel.audit.decision import remarks
from pkgintel.audit.inputs import Source
from pkgintel.audit.license_list import ListSources
from pkgintel.audit.lookup import Asking, Lookup
from pkgintel.audit.manifests.requirement import Format, some
from pkgintel.audit.nuget_config import NugetConfig
from pkgintel.audit.package import Package, Selection, gather
from pkgintel.audit.place import Place, Say
from pkgintel.audit.policy import Policy
from pkgintel.audit.report import Audited, LastOpen, Report
from pkgintel.audit.rules import Rules
from pkgintel.audit.store import Key, Store
from pkgintel.audit.texts import SECONDS, Texts
from pkgintel.errors import UpstreamUnavailable
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import Judge
from pkgintel.settings import Settings
from pkgintel.text import many

if TYPE_CHECKING:
    from pkgintel.upstream.client import Client
    from pkgintel.upstream.slots import Limit

_ATTEMPTS = 3  # A person waits, so a request is given up sooner than the pipeline would.
_TIMEOUT = 15.0  # Seconds.
Tick = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How an audit was asked for."""

    paths: tuple[str, ...]
    format: Format | None = None
    policy: Path | None = None
    offline: bool = False
    no_database: bool = False
    spdx: Path | None = None
    source: str | None = None
    private: tuple[str, ...] = ()
    selection: Selection = field(default_factory=Selection)
    texts: bool = False
    texts_seconds: float = SECONDS
    baseline: Path | None = None
    writes_baseline: bool = False


class _Work:
    """One audit under way."""

    def __init__(self, options: Options, place: Place, stack: ExitStack, config: NugetConfig) -> None:
        settings = place.settings
        self.settings = settings.model_copy(
            update={
                "request_attempts": min(settings.request_attempts, _ATTEMPTS),
                "request_timeout": min(settings.request_timeout, _TIMEOUT),
            }
        )
        self.options = options
        self.place = place
        self._stack = stack
        self._config = config
        self._client: Client | None = None

    def lookup(self, rules: Rules, say: Say, tick: Tick) -> tuple[Lookup, LicenseList]:
        """What answers for versions, and the license list that it judges with. Raises: SettingsError."""
        conn, offline = self.place.conn, self.options.offline
        among = ListSources(self.settings, self.options.spdx, conn, None if offline else self.client)
        listed = license_list.load(among, say)
        terms.require_known([*rules.policy.allow, *rules.policy.deny], str(rules.file), listed)
        name = rules.approved_by(self.settings)
        store = Store(conn) if conn is not None else None
        opened = None if offline else self.open_source
        reads = self._read_unread if conn is not None and not offline else None
        return Lookup(lambda: Judge(listed, name), store, self.place.source, opened, tick, reads), listed

    def _read_unread(self, keys: Sequence[Key]) -> int:
        """Read what the catalog announced. Raises: UpstreamUnavailable."""
        if self.place.conn is None or not database.the(self.place.conn, "audit/has_unread")["found"]:
            return 0
        from pkgintel.pipeline import unread  # Slow to import, and not needed where nothing is looked up.
        from pkgintel.upstream.limit import FleetLimit
        from pkgintel.upstream.slots import LocalLimit

        client, redis = self.client(), self.place.redis_url
        most = self.settings.max_in_flight
        fleet = FleetLimit(redis, most) if redis is not None else None
        leasing = LocalLimit(most).lease if fleet is None else lambda url: fleet.lease(client, url)
        return unread.read_versions(self.place.conn, client, leasing, keys)

    def client(self) -> "Client":
        """The HTTP client, made when it is first needed."""
        from pkgintel.upstream.client import Client  # As above.

        if self._client is None:
            self._client = Client(self.settings)
            self._stack.callback(self._client.close)
        return self._client

    def open_source(self) -> Asking:
        """The connection to the package source. Raises: UpstreamUnavailable, UpstreamChanged."""
        from pkgintel.upstream import feeds  # As above.

        client, source = self.client(), self.place.address
        limit = self._limit(client, source)
        credentials = self._config.credentials(source, os.environ)
        try:
            feed = feeds.find(client, source, limit, credentials)
        except UpstreamUnavailable as error:
            refused = any(f"answered {code}" in str(error) for code in (401, 403))
            hint = "; nuget.config or NuGetPackageSourceCredentials_… may hold its credentials" if refused else ""
            raise UpstreamUnavailable(f"{error}{hint}", source) from None
        return Asking(client, limit, feed, requests=1)

    def _limit(self, client: "Client", url: str) -> "Limit":
        from pkgintel.upstream.limit import FleetLimit  # As above.
        from pkgintel.upstream.slots import LocalLimit

        if self.place.redis_url is None:
            return LocalLimit(self.settings.max_in_flight)
        fleet = FleetLimit(self.place.redis_url, self.settings.max_in_flight)
        return self._stack.enter_context(fleet.lease(client, url))


def audit(settings: Settings, options: Options, stdin: BinaryIO, say: Say, tick: Tick) -> Report:
    """Read the manifests, judge every version, decide by the policy. `say` hears what a person should know meanwhile.

    Raises: ManifestUnreadable, SettingsError, ServiceUnavailable.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    sources = tuple(inputs.read(options.paths, options.format, stdin))
    known = options.baseline if not options.writes_baseline else None
    rules = Rules.read(options.policy, folder(options.paths), known, now.date())
    config = nuget_config.read(_folders(options.paths), os.environ, _home())
    packages = gather([source.manifest for source in sources], _selection(options, rules.policy))
    with ExitStack() as stack:
        found = place.find(settings, config, options.source, say, database_too=not options.no_database)
        work = _Work(options, stack.enter_context(found), stack, config)
        lookup, listed = work.lookup(rules, say, tick)
        answers = lookup.answers(packages, _withheld(options, rules.policy, config, work.place.address))
        asks = options.texts and not options.offline
        texts = Texts(lookup, work.place, now, asks, options.texts_seconds)
        answers |= texts.better(answers)
        asked = len(lookup.asked)
        decisions = rules.decisions(packages, answers, now.date(), writes_baseline=options.writes_baseline)
        bad = [one for one in packages if _is_bad(answers[one.key].verdict, decisions[one.key].decision)]
        bad.sort(key=lambda one: decisions[one.key].decision != "breach")
        last = _last_open(lookup, bad, len(packages))
        return Report(
            generated_at=now,
            basis=rules.basis(listed, work.place, settings),
            sources=sources,
            packages=tuple(Audited(one, answers[one.key], decisions[one.key], last.get(one.key)) for one in packages),
            remarks=tuple(remarks(rules.policy, packages, decisions, now.date())),
            notes=(*_notes(sources, config, lookup, work.place), *texts.notes),
            requests=lookup.requests,
            asked=asked,
        )


def _home() -> Path | None:
    """The directory of the user, None where the system knows none, as in some containers."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def _selection(options: Options, policy: Policy) -> Selection:
    chosen = options.selection
    without = chosen.without_development or policy.development == "skip"
    return Selection(chosen.direct_only, without, chosen.framework)


def folder(paths: tuple[str, ...]) -> Path:
    """Where a policy and a nuget.config are looked for first: beside the first manifest."""
    first = next((Path(path) for path in paths if path != inputs.STDIN), Path())
    return first if first.is_dir() else first.parent


def _folders(paths: tuple[str, ...]) -> list[Path]:
    starts = {Path(path) if Path(path).is_dir() else Path(path).parent for path in paths if path != inputs.STDIN}
    return [folder for start in sorted(starts or {Path()}) for folder in nuget_config.upwards(start.resolve())]


def _withheld(options: Options, policy: Policy, config: NugetConfig, source: str) -> Callable[[Package], str | None]:
    patterns = (*options.private, *policy.private)

    def why(package: Package) -> str | None:
        pattern = policies.any_matches(patterns, package.package_id)
        if pattern is not None:
            return f"{pattern} is private"
        if not config.comes_from(package.package_id, source):
            return f"nuget.config maps it to another source than {source}"
        return None

    return why


def _is_bad(verdict: str, decision: str) -> bool:
    """Whether to look for an open version below: where the verdict is what is wrong, and a person may act on it."""
    return verdict in ("proprietary", "unknown") and decision in ("breach", "warned", "baseline", "excepted")


def _last_open(lookup: Lookup, bad: list[Package], audited: int) -> dict[Key, LastOpen]:
    found: dict[Key, LastOpen] = {}
    if not bad:
        return found
    known = lookup.store.versions({one.package_key for one in bad}) if lookup.store is not None else {}
    unread = [key for one in bad for key in last_open.unread_below(one, known.get(one.package_key, []))]
    if lookup.store is not None and lookup.read_unread(unread):
        known = lookup.store.versions({one.package_key for one in bad})
    for package in bad:
        last = last_open.of_stored(lookup, package, known.get(package.package_key, []))
        if last is not None:
            found[package.key] = last
    return found | last_open.of_source(lookup, [one for one in bad if one.package_key not in known], audited)


def _notes(sources: tuple[Source, ...], config: NugetConfig, lookup: Lookup, where: Place) -> Iterator[str]:
    """What a reader of the report should know."""
    yield from config.notes
    yield from lookup.trouble
    if lookup.failure is not None:
        yield lookup.failure
    failures = lookup.asking.failures if lookup.asking is not None else []
    if failures:
        yield f"{many(len(failures), 'version')} not looked up, the first for this: {failures[0]}"
    feeds_named = {feed for source in sources for feed in source.manifest.feeds if feed.startswith("http")}
    others = sorted(feed for feed in feeds_named if feed.rstrip("/").lower() != where.address.rstrip("/").lower())
    if others:
        yield (
            f"the packages may come from other sources than {where.source} ({some(others)}): "
            "a package of the same id there may be another one"
        )
