"""What the benchmark measures pkgintel against: the floor, the plain design, and `dlt`.

The floor reads the same bytes by bare sockets and copies the same rows into a table without an index or a promise. The
plain design is what one writes first: pages one after the other, a stock httpx client with 50 requests in flight, a
multi-row INSERT for each 100 leaves. None of them is slowed down, and both spare themselves the package rows.
"""

import asyncio
import contextlib
import json
import selectors
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg.types.json import Jsonb

from pkgintel.database import events
from pkgintel.nuget import documents
from pkgintel.nuget.documents import Event
from tests.bench.catalog import BenchLeaf

COLUMNS = (
    "package_key", "version_key", "package_id", "version", "license_expression", "license_file", "license_url",
    "project_url", "listed", "is_prerelease", "created", "published", "deprecated", "sort_key", "is_delete",
    "commit_ticks", "leaf_url", "raw", "raw_bytes",
)  # fmt: skip
TABLE = """
    package_key text, version_key text, package_id text, version text, license_expression text, license_file text,
    license_url text, project_url text, listed boolean, is_prerelease boolean, created timestamptz,
    published timestamptz, deprecated boolean, sort_key bytea, is_delete boolean, commit_ticks bigint, leaf_url text,
    raw jsonb, raw_bytes bytea
"""


def fetch(origin: str, paths: Sequence[str], in_flight: int) -> list[bytes]:
    """The bodies at `paths`, over `in_flight` connections by bare sockets: the fastest client at hand."""
    host, port = urlsplit(origin).hostname, urlsplit(origin).port
    selector = selectors.DefaultSelector()
    bodies: list[bytes] = []
    left = list(reversed(paths))
    open_ = 0

    def ask(connection: socket.socket) -> int:
        if not left:
            selector.unregister(connection)
            connection.close()
            return -1
        connection.send(f"GET {left.pop()} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        return 0

    for _ in range(min(in_flight, len(left))):
        connection = socket.create_connection((host, port))
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, [b"", 0])
        open_ += 1
        ask(connection)
    while open_:
        for key, _ in selector.select(5):
            state, ready = key.data, key.fileobj
            assert isinstance(ready, socket.socket)
            connection = ready
            data = connection.recv(262_144)
            if not data:
                raise ConnectionError("the benchmark's server went away")
            state[0] = state[0] + data if state[0] else data
            if not state[1]:
                head, found, _ = state[0].partition(b"\r\n\r\n")
                if not found:
                    continue
                state[1] = len(head) + 4 + int(head.partition(b"Content-Length: ")[2].split(b"\r\n", 1)[0])
            if len(state[0]) >= state[1]:
                bodies.append(state[0].partition(b"\r\n\r\n")[2])
                state[0], state[1] = b"", 0
                open_ += ask(connection)
    return bodies


def make_floor(conn: "psycopg.Connection[Any]") -> None:
    """The table `floor`: no index, no constraint, its leaves compressed as the product's are."""
    conn.execute(f"DROP TABLE IF EXISTS floor; CREATE TABLE floor ({TABLE})")
    with contextlib.suppress(psycopg.errors.FeatureNotSupported):
        conn.execute("ALTER TABLE floor ALTER COLUMN raw SET COMPRESSION lz4")


def copy_page(conn: "psycopg.Connection[Any]", page: Sequence[Event]) -> None:
    """One page into the table `floor`."""
    with (
        conn.transaction(),
        conn.cursor() as cursor,
        cursor.copy("COPY floor FROM STDIN (FORMAT BINARY)") as target,
    ):
        target.set_types(events._COLUMNS)
        for event in page:
            target.write_row(events._row(event))


def plain(url: str, origin: str, pages: Sequence[tuple[str, Sequence[BenchLeaf]]], in_flight: int = 50) -> float:
    """The plain design over `pages` (path of the page, what is on it); the seconds it took."""
    insert = f"INSERT INTO plain ({', '.join(COLUMNS)}) VALUES "  # noqa: S608
    row = f"({', '.join(['%s'] * len(COLUMNS))})"
    keep = " ON CONFLICT (package_key, version_key) DO UPDATE SET " + ", ".join(
        f"{name} = excluded.{name}" for name in COLUMNS[2:]
    )
    keep += " WHERE plain.commit_ticks < excluded.commit_ticks"

    async def leaf(client: httpx.AsyncClient, gate: asyncio.Semaphore, line: dict[str, Any]) -> tuple[Any, ...]:
        async with gate:
            response = await client.get(line["@id"])
        response.raise_for_status()
        document = response.json()
        item = documents.Item.read(line)
        event = documents.event(item, response.content)
        return *events._row(event)[:17], Jsonb(document), None

    async def everything(conn: "psycopg.Connection[Any]") -> None:
        limits = httpx.Limits(max_connections=in_flight)
        gate = asyncio.Semaphore(in_flight)
        async with httpx.AsyncClient(limits=limits, timeout=30) as client:
            for path, _ in pages:
                page = (await client.get(origin + path)).json()
                rows = list(await asyncio.gather(*(leaf(client, gate, line) for line in page["items"])))
                for at in range(0, len(rows), 100):
                    # Two events of one version in one statement would be refused; the later one counts.
                    batch = list({found[:2]: found for found in rows[at : at + 100]}.values())
                    conn.execute(
                        insert + ", ".join([row] * len(batch)) + keep, [value for found in batch for value in found]
                    )

    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            f"DROP TABLE IF EXISTS plain; CREATE TABLE plain ({TABLE}, PRIMARY KEY (package_key, version_key))"
        )
        begun = time.perf_counter()
        asyncio.run(everything(conn))
        return time.perf_counter() - begun


DLT = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
import dlt, requests

url, origin, load_only, in_flight, *pages = sys.argv[1:]
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=int(in_flight)))
columns = {"raw": {"data_type": "json"}}

def rows(items, bodies):
    for item, body in zip(items, bodies):
        leaf = json.loads(body)
        yield {"package_key": item["nuget:id"].lower(), "version_key": item["nuget:version"].lower(),
               "commit": item["commitTimeStamp"], "leaf_url": item["@id"], "listed": leaf.get("listed"),
               "license_expression": leaf.get("licenseExpression"), "license_file": leaf.get("licenseFile"),
               "license_url": leaf.get("licenseUrl"), "project_url": leaf.get("projectUrl"), "raw": leaf}

@dlt.resource(name="leaves", columns=columns, max_table_nesting=0, write_disposition="append")
def leaves():
    with ThreadPoolExecutor(int(in_flight)) as pool:
        for page in pages:
            items = session.get(origin + page).json()["items"]
            yield list(rows(items, pool.map(lambda item: session.get(item["@id"]).content, items)))

@dlt.resource(name="leaves", columns=columns, max_table_nesting=0, write_disposition="append")
def held():
    yield from kept

kept = []
if load_only == "yes":
    kept = list(leaves())
    kept = [kept[at:at + 500] for at in range(0, len(kept), 500)]
pipeline = dlt.pipeline("bench", destination=dlt.destinations.postgres(url), dataset_name="dlt_bench",
                        pipelines_dir=sys.path[0] + "/pipelines", dev_mode=True)
begun = time.perf_counter()
pipeline.run(held() if kept else leaves(), loader_file_format="csv")
print(json.dumps({"seconds": time.perf_counter() - begun}))
"""


def dlt_python(home: Path) -> Path | None:
    """A Python that has dlt: this one, or one of a virtual environment in `home` if it can be installed there."""
    probe = [sys.executable, "-c", "import dlt, psycopg2"]
    if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        return Path(sys.executable)
    directory = home / "dlt"
    try:
        venv.create(directory, with_pip=True)
        command = [str(directory / "bin" / "python"), "-m", "pip", "install", "-q", "dlt[postgres]", "requests"]
        subprocess.run(command, capture_output=True, check=True, timeout=150)
    except (OSError, subprocess.SubprocessError):
        return None
    return directory / "bin" / "python"


def dlt(
    python: Path, home: Path, url: str, origin: str, pages: Sequence[str], in_flight: int, *, load_only: bool = False
) -> float | None:
    """The seconds dlt took for `pages`, or None where it failed."""
    script = home / "load_with_dlt.py"
    script.write_text(DLT)
    words = [str(python), str(script), url, origin, "yes" if load_only else "no", str(in_flight), *pages]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600, cwd=home)
    try:
        return float(json.loads(done.stdout.splitlines()[-1])["seconds"])
    except (ValueError, LookupError):
        sys.stderr.write(done.stderr[-2000:])
        return None
