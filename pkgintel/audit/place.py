"""Where an audit looks: the database given, the embedded one where there is one, else none; and the package source."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime

from pkgintel import database
from pkgintel.audit.nuget_config import NugetConfig
from pkgintel.database import migrations
from pkgintel.errors import SettingsError
from pkgintel.nuget import instant
from pkgintel.runtime import deployment
from pkgintel.runtime.deployment import SAMPLE
from pkgintel.settings import NUGET_ORG, Settings, without_password

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Place:
    """A connection to Postgres, the Redis of the fleet, the package source, and what filled the database.

    `source` is what the package source is called, also in the database; `address` is where its service index is now.
    """

    conn: database.Connection | None
    redis_url: str | None
    source: str
    address: str
    catalog: str | None
    settings: Settings

    @property
    def is_catalog(self) -> bool:
        """Whether the package source is that of the catalog which filled the database."""
        return self.catalog is not None and self.catalog in (self.source, self.address)

    @property
    def watermark(self) -> datetime | None:
        """Up to where the catalog is stored."""
        row = database.one(self.conn, "events/watermark", source="nuget") if self.conn is not None else None
        return instant.moment(row["watermark_ticks"]) if row is not None else None


@contextmanager
def find(
    settings: Settings, config: NugetConfig, source: str | None, say: Say, *, database_too: bool
) -> Iterator[Place]:
    """Where to look while this lasts; `source` is what was asked for, an address or a name in nuget.config.

    Raises: SettingsError, ServiceUnavailable.
    """
    url, redis, index = settings.database_url, settings.redis_url, settings.service_index_url
    if not database_too:
        url = redis = None
    elif url is None and ((settings.home / "postgres").exists() or "home" in settings.model_fields_set):
        settings = resolved = deployment.resolve(settings, None, say)
        url, redis, index = resolved.database_url, resolved.redis_url, resolved.service_index_url
    elif url is None:
        say(
            f"nothing is stored in {settings.home.absolute()}, so every version is looked up and none is kept "
            "(`pkgintel run` or PKGINTEL_DATABASE_URL brings a database)"
        )
    with ExitStack() as stack:
        name = None
        if source == SAMPLE:
            name, (index, settings) = SAMPLE, _sample(stack, settings)
        elif source is not None:
            name = index = _http(config.address(source))
        conn = stack.enter_context(database.connect(url)) if url is not None else None
        catalog = _catalog(conn, str(url), say) if conn is not None else None
        if name is None and catalog is not None and "://" in catalog and index == NUGET_ORG:
            index = catalog
        if name is None:
            name = SAMPLE if catalog == SAMPLE else index
        yield Place(conn, redis, name, index, catalog, settings)


def _sample(stack: ExitStack, settings: Settings) -> tuple[str, Settings]:
    """The sample catalog, served by this process while it audits; it has an SPDX list of its own."""
    from pkgintel.sample.server import Server  # Slow to import, and seldom needed.
    from pkgintel.sample.source import Sample

    server = stack.enter_context(Server(Sample(2), "127.0.0.1", 0, None))
    lists = {"spdx_licenses_url": server.licenses_url, "spdx_exceptions_url": server.exceptions_url}
    return server.url, settings.model_copy(update=lists)


def _http(source: str) -> str:
    if not source.startswith(("http://", "https://")):
        raise SettingsError(
            f"--source {source} is neither an address beginning with http, nor a name in nuget.config, nor sample."
        )
    try:
        return without_password(source)
    except ValueError as error:
        raise SettingsError(f"--source {error}; nuget.config may hold its credentials.") from None


def _catalog(conn: database.Connection, url: str, say: Say) -> str | None:
    """Which catalog filled the database, whose schema is made where it has none yet. Raises: SchemaBehind."""
    if not database.the(conn, "events/exists")["found"]:
        migrations.apply(url)
        say(f"the database at {database.place(url)} was empty and has its schema now")
    migrations.require_schema(conn)
    row = database.one(conn, "events/name")
    return row["name"] if row is not None else None
