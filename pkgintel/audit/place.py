"""Where an audit looks: the database given, the embedded one where there is one, else none; and the package source."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from pkgintel import database
from pkgintel.audit.nuget_config import NugetConfig
from pkgintel.database import migrations
from pkgintel.errors import SettingsError
from pkgintel.nuget import instant
from pkgintel.runtime import deployment
from pkgintel.settings import NUGET_ORG, Settings, without_password

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Place:
    """A connection to Postgres, the Redis of the fleet, the package source, and what filled the database."""

    conn: database.Connection | None
    redis_url: str | None
    source: str
    catalog: str | None

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
        resolved = deployment.resolve(settings, None, say)
        url, redis, index = resolved.database_url, resolved.redis_url, resolved.service_index_url
    elif url is None:
        say(
            f"nothing is stored in {settings.home.absolute()}, so every version is looked up and none is kept "
            "(`pkgintel run` or PKGINTEL_DATABASE_URL brings a database)"
        )
    if url is None:
        yield Place(None, redis, _source(source, index, config), None)
        return
    with database.connect(url) as conn:
        catalog = _catalog(conn, url, say)
        if catalog is not None and "://" in catalog and index == NUGET_ORG:
            index = catalog
        yield Place(conn, redis, _source(source, index, config), catalog)


def _source(asked: str | None, index: str, config: NugetConfig) -> str:
    return _http(config.address(asked)) if asked is not None else index


def _http(source: str) -> str:
    if not source.startswith(("http://", "https://")):
        raise SettingsError(f"--source {source} is neither an address beginning with http nor a name in nuget.config.")
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
