"""Where license texts are read: found by query in what is stored, the most wanted first, and how each look ended.

Every statement of sql/texts about sources is called here, and only here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from pydantic import TypeAdapter

from pkgintel import database
from pkgintel.licenses.hosted import hosted
from pkgintel.licenses.texts.hand import SourceKind
from pkgintel.pipeline import pages, runs
from pkgintel.pipeline.pages import PagePlan
from pkgintel.pipeline.runs import Row
from pkgintel.pipeline.states import PageKind, State
from pkgintel.settings import Settings
from pkgintel.upstream import sources
from pkgintel.upstream.client import Client
from pkgintel.upstream.files import Look

BATCH = 5_000
# The files inside packages lie at the catalog's own source, whatever its host is called.
PACKAGES = "packages"


class SourceLeft(Row):
    """A source that nobody has looked at yet, with what was stored of it."""

    id: int
    kind: SourceKind
    etag: str | None
    sha256: str | None


class FileSource(SourceLeft):
    """A file on a code host."""

    url: str
    package_key: None
    version_key: None
    license_file: None = None


class VersionSource(SourceLeft):
    """The license file inside a version, which may give it a name; `settled`: nobody has to be asked about it now."""

    url: None
    package_key: str
    version_key: str
    license_file: str | None = None
    settled: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Package key and version key."""
        return self.package_key, self.version_key


_LEFT: TypeAdapter[FileSource | VersionSource] = TypeAdapter(FileSource | VersionSource)


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """The hosts that a run asks, and how many files of them together."""

    hosts: tuple[str, ...]
    files: int


def plan(conn: database.Connection, settings: Settings, client: Client, run_id: int) -> FetchPlan:
    """Find what declarations ask for and lay down what run `run_id` reads, as far as the day's budget goes.

    A run that was planned already (its task was sent again) keeps its plan; without a file to ask for it is caught up.
    Raises: UpstreamUnavailable, UpstreamChanged where the catalog's source cannot be asked for its packages.
    """
    run = runs.require(conn, run_id)
    if run.pages_total or run.state is not State.RUNNING:
        return FetchPlan(tuple(pages.pending(conn, run_id)), 0)
    map_declarations(conn)
    left = settings.texts_per_day - int(database.the(conn, "texts/spent")["requests"])
    if left > 0 and sources.package_base(client, settings.service_index_url) is not None:
        database.run(conn, "texts/add_embedded", host=PACKAGES, most=left)
    due = database.every(conn, "texts/due", most=max(0, left))
    hosts = tuple(dict.fromkeys(row["host"] for row in due))
    if not hosts:
        note = "no license file is due" if left > 0 else "the day's budget of license files is spent"
        runs.end(conn, run_id, State.CAUGHT_UP, settled=False, note=note)
        return FetchPlan((), 0)
    with conn.transaction():
        runs.lay_down(conn, run_id, len(hosts))
        pages.add(conn, run_id, [PagePlan(host, kind=PageKind.TEXTS) for host in hosts])
        found = {"hosts": [row["host"] for row in due], "ids": [row["id"] for row in due]}
        database.run(conn, "texts/plan", run_id=run_id, **found)
    return FetchPlan(hosts, len(due))


def inside_versions(conn: database.Connection, keys: Sequence[tuple[str, str]]) -> list[VersionSource]:
    """The license files inside some versions that were read, as sources like any other."""
    columns = {"package_keys": [key[0] for key in keys], "version_keys": [key[1] for key in keys]}
    rows = database.every(conn, "texts/add_versions", host=PACKAGES, **columns)
    return [VersionSource.model_validate(row) for row in rows]


def map_declarations(conn: database.Connection) -> int:
    """Find out of every declaration that is new which file on a code host its URL is; how many were looked at."""
    seen = 0
    while rows := database.every(conn, "texts/unmapped", most=BATCH):
        files = [None if row["license_expression"] else hosted(row["license_url"] or _NO_URL) for row in rows]
        known = [file for file in files if file is not None]
        with conn.transaction():
            database.run(
                conn,
                "texts/add_addresses",
                kinds=["pinned" if file.pinned else "address" for file in known],
                hosts=[file.host for file in known],
                owners=[file.owner for file in known],
                urls=[file.url for file in known],
            )
            names = [row["declaration"] for row in rows]
            urls = [file.url if file is not None else None for file in files]
            database.run(conn, "texts/map", declarations=names, urls=urls)
            database.run(conn, "texts/touch_mapped", declarations=names)
        seen += len(rows)
    return seen


_NO_URL = "about:blank"


def left(conn: database.Connection, run_id: int, host: str) -> list[FileSource | VersionSource]:
    """What run `run_id` still has to ask of a host, in order."""
    rows = database.every(conn, "texts/left", run_id=run_id, host=host)
    return [_LEFT.validate_python(row) for row in rows]


def see(conn: database.Connection, run_id: int | None, source: SourceLeft, look: Look) -> None:
    """Keep what a look found: the text by its digest, the sighting, how the source stands; in one transaction.

    `run_id` is None where an audit looked, which is no run.
    """
    digest = source.sha256 if look.outcome == "unchanged" else None
    with conn.transaction():
        if look.body is not None:
            digest = keep(conn, look.body, look.media_type)
        database.run(
            conn,
            "texts/see",
            source_id=source.id,
            run_id=run_id,
            outcome=look.outcome,
            status=look.status,
            asked=look.asked,
            answered=look.answered,
            etag=look.etag,
            sha256=digest,
            error=look.error[: runs.ERROR_CHARACTERS] if look.error else None,
        )


def keep(conn: database.Connection, body: bytes, media_type: str | None = None) -> str:
    """Keep a text; its digest, by which it is known."""
    digest = sha256(body).hexdigest()
    database.run(conn, "texts/keep", sha256=digest, bytes=body, media_type=media_type)
    return digest


def pause(conn: database.Connection, host: str, seconds: float, why: str) -> None:
    """Leave a host alone for some time."""
    database.run(conn, "texts/pause", host=host, seconds=seconds, why=why)


def outcomes(conn: database.Connection, run_id: int) -> dict[str, int]:
    """How the looks of a run ended."""
    return {row["outcome"]: row["looks"] for row in database.every(conn, "texts/outcomes", run_id=run_id)}


def server(settings: Settings, host: str) -> str:
    """An address at `host`, for the limit of its requests."""
    return settings.service_index_url if host == PACKAGES else f"https://{host}/"
