"""A code host and a package store on one hostile server, and the steps that read license texts of them one by one."""

import json
from typing import Any

from pkgintel import database as db
from pkgintel.database import events as store
from pkgintel.licenses.texts import library
from pkgintel.nuget import documents
from pkgintel.pipeline import classify, runs, sync, text_fetch, text_reading, text_sources
from pkgintel.pipeline.classify import Classification
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.pipeline.text_reading import Matched
from pkgintel.settings import Deployment
from pkgintel.tasks import recovery
from pkgintel.upstream.client import Client
from pkgintel.upstream.slots import LocalLimit
from tests.support.catalogs import details
from tests.support.checkout import CHECKOUT
from tests.support.hostile import HostileServer
from tests.support.patience import quick

SAMPLES = CHECKOUT / "pkgintel" / "sample" / "texts"
RAW = "raw.githubusercontent.com"
CATALOG = "/v3/catalog0/index.json"
HOSTS = (RAW, "gitlab.com", "bitbucket.org")


def sample(name: str) -> bytes:
    """The bytes of a text that the sample serves."""
    return (SAMPLES / f"{name}.txt").read_bytes()


class TextHost:
    """The server: a service index, its package store, and the raw files of code hosts."""

    def __init__(self, server: HostileServer) -> None:
        self.server = server
        base, index = f"{server.origin}/v3-flatcontainer/", f"{server.origin}{CATALOG}"
        resources = [
            {"@id": base, "@type": "PackageBaseAddress/3.0.0"},
            {"@id": index, "@type": "Catalog/3.0.0"},
        ]
        server.put("/v3/index.json", {"version": "3.0.0", "resources": resources})

    def settings(self, database: str, redis_url: str = "redis://127.0.0.1:1/0", **changes: Any) -> Deployment:
        """Settings of who reads this server."""
        places = ",".join(f"https://{host}={self.server.origin}" for host in HOSTS)
        return quick(
            database,
            redis_url,
            **{"service_index_url": self.server.url("/v3/index.json"), "text_origins": places} | changes,
        )

    def raw(self, path: str, body: bytes, **behaviour: Any) -> None:
        """Serve a file of a repository: "/contoso/thing/main/LICENSE"."""
        self.server.put(path, body, content_type="text/plain; charset=utf-8", **behaviour)

    def embedded(self, package: str, version: str, body: bytes, **behaviour: Any) -> None:
        """Serve the license file of a version."""
        path = f"/v3-flatcontainer/{package.lower()}/{version}/license"
        self.server.put(path, body, content_type="text/plain", **behaviour)

    def package(self, package: str, version: str, body: bytes, **behaviour: Any) -> None:
        """Serve a version as it is installed."""
        key = package.lower()
        path = f"/v3-flatcontainer/{key}/{version}/{key}.{version}.nupkg"
        self.server.put(path, body, content_type="application/octet-stream", ranges=True, **behaviour)

    def asked(self) -> list[str]:
        """The paths of the files that were asked for, in order."""
        return [one.path for one in list(self.server.requests) if not one.path.endswith("/index.json")]


class TextBench:
    """A database and a host, and a way to read the one into the other as the tasks do."""

    def __init__(self, conn: db.Connection, host: TextHost, database: str, **changes: Any) -> None:
        self.conn, self.host = conn, host
        self.settings = host.settings(database, **changes)
        self.db = db.Database(database)
        self.client = Client(self.settings, backoff=0.0)
        self.commit = 0
        with conn.transaction():
            sync.rewrite(conn, library.license_list())

    def close(self) -> None:
        self.client.close()
        self.db.close()

    def bring(self, package: str, version: str = "1.0.0", **said: Any) -> None:
        """Store a version as a page does."""
        self.commit += 1
        event = details(package, version, self.commit, **said)
        with self.conn.transaction():
            item = documents.Item.read(dict(event.item))
            store.write(self.conn, [documents.event(item, json.dumps(event.leaf).encode())])

    def fetch(self) -> int:
        """A run from its opening to its end; its id."""
        recovery.free_lost(self.conn, self.settings)
        run_id = runs.open_run(self.conn, Source.TEXTS, Action.FETCH, Kind.MANUAL)
        plan = text_sources.plan(self.conn, self.settings, self.client, run_id)
        for host in plan.hosts:
            text_fetch.fetch_host(self.db, self.settings, self.client, LocalLimit(4), run_id, host)
        text_fetch.finish(self.conn, run_id)
        assert runs.require(self.conn, run_id).state in (State.DONE, State.CAUGHT_UP)
        return run_id

    def match(self) -> Matched:
        return text_reading.match(self.conn, self.settings)

    def classify(self) -> Classification:
        return classify.classify(self.conn, self.settings)

    def read(self) -> dict[str, tuple[str, str]]:
        """Fetch, read and judge; verdict and rule of each package."""
        self.fetch()
        self.match()
        self.classify()
        return self.verdicts()

    def verdicts(self) -> dict[str, tuple[str, str]]:
        rows = self.conn.execute("SELECT package_id, verdict, rule FROM enriched.nuget_package_oss_status").fetchall()
        return {row["package_id"]: (row["verdict"], row["rule"]) for row in rows}

    def evidence(self, package: str) -> dict[str, Any]:
        """What the verdict on a package rests on."""
        found: dict[str, Any] = self.conn.execute(
            "SELECT evidence FROM enriched.nuget_package_oss_status WHERE package_id = %s", [package]
        ).fetchone()["evidence"]  # type: ignore[index]
        return found
