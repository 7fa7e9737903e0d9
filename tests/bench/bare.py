"""The floor of a whole registry: what its bytes cost where nothing is promised.

Bare sockets bring the pages and the leaves that decide, pydantic reads their JSON, COPY writes rows into tables that no
crash has to spare, and Postgres finds who speaks. A process for each core does it, with as many requests in flight in
all as pkgintel has. Nothing is checked, counted, resumed or shown, no task is sent, and no package gets a verdict.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import psycopg
import pydantic_core

from pkgintel.nuget import instant, version
from pkgintel.nuget.documents import package_key
from tests.bench import registry, rivals

TABLES = """
    CREATE UNLOGGED TABLE items (package_key text COLLATE "C", version_key text COLLATE "C", sort_key bytea,
                                 is_prerelease bool, ticks bigint, is_delete bool, url text);
    CREATE UNLOGGED TABLE leaves (package_key text COLLATE "C", listed bool, raw jsonb)
"""
VERSIONS = """
    CREATE UNLOGGED TABLE versions AS
    SELECT package_key, url,
           row_number() OVER (PARTITION BY package_key ORDER BY is_prerelease, sort_key DESC, version_key DESC) AS place
    FROM (SELECT DISTINCT ON (package_key, version_key) * FROM items ORDER BY package_key, version_key, ticks DESC) AS v
    WHERE NOT is_delete
"""
WANTED = """
    SELECT url FROM versions v
    WHERE place > %(done)s AND place <= %(upto)s
      AND NOT EXISTS (SELECT FROM leaves l WHERE l.package_key = v.package_key AND l.listed)
"""
AT_ONCE = 2000  # Leaves; pages are fetched as many at once as there are connections.

Each = TypeVar("Each")


def load(origin: str, made: registry.Registry, database_url: str, in_flight: int) -> tuple[dict[str, float], int]:
    """The seconds that each phase of it takes, in an empty database, and how many leaves it asked for."""
    processes = os.cpu_count() or 1
    share = max(1, in_flight // processes)
    taken, asked = {}, 0
    with (
        multiprocessing.get_context("fork").Pool(processes) as pool,
        psycopg.connect(database_url, autocommit=True) as conn,
    ):

        def spread(work: Callable[..., None], what: Sequence[str]) -> None:
            parts = [what[start::processes] for start in range(processes)]
            pool.starmap(work, [(origin, part, database_url, share) for part in parts])

        conn.execute(TABLES)
        begun = time.perf_counter()
        spread(_pages, [f"/{made.name}/page{number}.json" for number, _, _ in made.lines])
        conn.execute(VERSIONS)
        taken["pages"] = time.perf_counter() - begun
        begun, done = time.perf_counter(), 0
        while True:
            # As many versions at once as pkgintel asks for where the first ones are unlisted.
            upto = done + (max(1, done) if done < 8 else 8 * done)
            conn.execute("ANALYZE leaves")
            rows = conn.execute(WANTED, {"done": done, "upto": upto}).fetchall()
            if not rows:
                break
            spread(_leaves, [url.removeprefix(origin) for (url,) in rows])
            asked, done = asked + len(rows), upto
        taken["leaves"] = time.perf_counter() - begun
    return taken, asked


def _pages(origin: str, paths: Sequence[str], database_url: str, connections: int) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        for some in _parts(paths, connections):
            bodies = rivals.fetch(origin, some, connections)
            with conn.cursor() as cursor, cursor.copy("COPY items FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["text", "text", "bytea", "bool", "int8", "bool", "text"])
                for body in bodies:
                    for item in pydantic_core.from_json(body, cache_strings="keys")["items"]:
                        copy.write_row(_item(item))


def _item(item: dict[str, Any]) -> tuple[Any, ...]:
    named = version.parse(item["nuget:version"])
    deletes = item["@type"] == "nuget:PackageDelete"
    ticks = instant.ticks(item["commitTimeStamp"])
    return package_key(item["nuget:id"]), named.key, named.order, named.is_prerelease, ticks, deletes, item["@id"]


def _leaves(origin: str, paths: Sequence[str], database_url: str, connections: int) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        for some in _parts(paths, AT_ONCE):
            bodies = rivals.fetch(origin, some, connections)
            with conn.cursor() as cursor, cursor.copy("COPY leaves FROM STDIN") as copy:
                for body in bodies:
                    leaf = pydantic_core.from_json(body, cache_strings="keys")
                    copy.write_row((package_key(leaf["id"]), leaf.get("listed", True), body.decode()))


def _parts(whole: Sequence[Each], size: int) -> Iterator[Sequence[Each]]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]
