"""What a replay does without handing pages to workers: from the stored leaves, as an acceptance, or only as a look."""

from dataclasses import dataclass

from pkgintel import database
from pkgintel.errors import PackageUnknown, SettingsError
from pkgintel.nuget.documents import package_key
from pkgintel.pipeline import replay
from pkgintel.pipeline.replay import ReplayRequest
from pkgintel.settings import Settings
from pkgintel.text import many
from pkgintel.upstream.client import Client


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How to read again: from the stored leaves, not at all but accepting what is missing, or only to look."""

    from_raw: bool = False
    dry_run: bool = False
    accept: bool = False
    accept_count: bool = False
    why: str = ""

    def check(self, request: ReplayRequest) -> "ReplayOptions":
        """Raises: SettingsError unless they fit what is asked for and each other."""
        if self.from_raw and not (request.everything or request.package):
            raise SettingsError("--from-raw goes with --all or --package ID.")
        if self.accept and not request.rejected:
            raise SettingsError('--accept goes with --rejected: pkgintel reprocess --rejected --accept --why "…".')
        if self.accept_count and not request.page:
            raise SettingsError(
                '--accept-count goes with --page: pkgintel reprocess --page URL --accept-count --why "…".'
            )
        if self.why and not (self.accept or self.accept_count):
            raise SettingsError("--why goes with --accept or --accept-count: it is the reason why that is accepted.")
        return self


@dataclass(frozen=True, slots=True)
class DoneHere:
    """What was done, or would be, in one sentence; `changed` says that gates and verdicts have to follow."""

    said: str
    changed: bool = False


def perform(
    conn: database.Connection,
    settings: Settings,
    client: Client,
    request: ReplayRequest,
    options: ReplayOptions,
    by: str,
) -> DoneHere | None:
    """Do what needs no worker; None where the pages of the request are to be read.

    Raises: SettingsError, PackageUnknown, GateFailed, UpstreamUnavailable, UpstreamChanged.
    """
    options.check(request.check())
    if options.accept_count:
        with conn.transaction(force_rollback=options.dry_run):
            count = replay.accept_count(conn, settings, client, request, options.why, by)
        if count.is_index or options.dry_run:
            missing = many(count.promised - count.items, "item")
            return DoneHere(f"{missing} {'would be' if options.dry_run else 'are'} accepted as missing")
    if options.accept:
        return _accept(conn, settings, options)
    if options.from_raw:
        return _from_raw(conn, settings, request.package, options)
    if options.dry_run:
        plans, *_ = replay.pages_of(conn, settings, client, request)
        return DoneHere(f"{many(len(plans), 'page')} would be read again")
    return None


def known_key(conn: database.Connection, package: str | None) -> str | None:
    """The key of a package of which a leaf is stored; None for all packages. Raises: PackageUnknown."""
    key = package_key(package) if package else None
    if key and not database.every(conn, "replay/stored_leaves", package_key="", version_key="", only=key, limit=1):
        raise PackageUnknown(f"No version of a package {package!r} is stored.")
    return key


def _accept(conn: database.Connection, settings: Settings, options: ReplayOptions) -> DoneHere:
    if options.dry_run:
        leaves = sum(row["leaves"] for row in database.every(conn, "replay/rejected_pages"))
        return DoneHere(f"{many(leaves, 'leaf', 'leaves')} would be accepted")
    count, freed = replay.accept(conn, settings, options.why)
    return DoneHere(f"{many(count, 'leaf', 'leaves')} accepted" + (f"; {freed}" if freed else ""), changed=True)


def _from_raw(conn: database.Connection, settings: Settings, package: str | None, options: ReplayOptions) -> DoneHere:
    key = known_key(conn, package)
    if options.dry_run:
        verdicts = sum(change.packages for change in replay.diff(conn, settings, key))
        rows = replay.packages_to_restore(conn, key)
        return DoneHere(f"{many(rows, 'package')} would be restored, {many(verdicts, 'verdict')} would change")
    changed, broken = replay.rederive(conn, key, lambda _: None)
    freed = replay.unblock(conn, settings)
    said = f"{many(changed, 'version')} changed, {len(broken)} not readable" + (f"; {freed}" if freed else "")
    return DoneHere(said, changed=True)
