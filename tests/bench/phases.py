"""Where the time of a page goes: CPU by process, CPU by stage of a leaf's way; and the memory of a long run."""

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import yarl

from pkgintel.nuget.documents import Item
from pkgintel.upstream import leaves, sources
from pkgintel.upstream.client import Client, Request
from pkgintel.upstream.slots import LocalLimit
from tests.bench.catalog import make
from tests.bench.plan import LATENCY, Plan
from tests.bench.report import Report
from tests.bench.server import BenchServer
from tests.bench.world import Workers, World, growth

PART = "profile"


def profile(report: Report, plan: Plan, home: World, server: BenchServer) -> None:
    """Where the CPU of a leaf goes: by process, then by stage."""
    by_process(report, plan, home, server)
    by_stage(report, plan, home, server)


def by_process(report: Report, plan: Plan, home: World, server: BenchServer) -> None:
    """CPU that a leaf costs this machine, end to end through Celery."""
    for latency, processes, name in ((0.0, 2, "small"), (LATENCY, 4, "large")):
        workers = Workers(home.settings(f"{server.origin(latency)}/{name}/v3.json"), processes)
        used: dict[str, list[float]] = defaultdict(list)
        try:
            workers.scan(pages=1)
            for _ in range(plan.rounds):
                before = workers.cpu() | {"the catalog's server": server.cpu()}
                run = workers.scan(pages=None if name == "small" else 4)
                after = workers.cpu() | {"the catalog's server": server.cpu()}
                for kind, seconds in after.items():
                    used[kind].append(1e6 * (seconds - before[kind]) / run["leaves"])
        finally:
            workers.stop()
        parts = ", ".join(f"{kind} {statistics.median(values):.0f}" for kind, values in used.items())
        report.add(PART, f"CPU of the machine for a leaf: {processes} processes, 64 in flight, {latency * 1000:.0f} ms",
                   [sum(values) for values in zip(*used.values(), strict=True)], "µs", parts, show=True)  # fmt: skip


def by_stage(report: Report, plan: Plan, home: World, server: BenchServer) -> None:
    """CPU that a leaf costs a worker process on its way from the socket to the event, each stage with those before."""
    for latency, width in ((0.0, 64), (LATENCY, 16)):
        settings = home.settings(f"{server.origin(latency)}/small/v3.json")
        client = Client(settings)
        try:
            catalog = sources.discover(client, settings.service_index_url)
            pages = sources.fetch_index(client, catalog).pages[:4]
            items = [item for one in pages for item in sources.fetch_page(client, catalog, one.url).items]
            took: dict[str, list[float]] = defaultdict(list)
            for _ in range(plan.rounds + 1):
                for name, stage in _stages(client, catalog, width).items():
                    took[name].append(_cpu(client, stage, items, width))
        finally:
            client.close()
        parts = ", ".join(f"{name} {statistics.median(values[1:]):.0f}" for name, values in took.items())
        what = f"of it on the way from the socket to the event: one process, {width} in flight, {latency * 1000:.0f} ms"
        report.add(PART, what, list(took.values())[-1][1:], "µs", parts, show=True)


def _stages(client: Client, catalog: Any, width: int) -> dict[str, Callable[[Item], Awaitable[Any]]]:
    request = Request(client.settings.max_leaf_bytes, catalog.allows, catalog.public, LocalLimit(width))
    below = client.exchange.transport(catalog.public)
    session: list[aiohttp.ClientSession] = []

    async def alone(item: Item) -> None:
        if not session:
            session.append(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False))
            client.loop.at_close.append(session[0].close)
        url = yarl.URL(item.url, encoded=True)
        async with session[0].get(url, headers=dict(client.exchange.headers), allow_redirects=False) as answer:
            await answer.read()

    async def transport(item: Item) -> None:
        answer = await below.handle_async_request(client.exchange.request(item.url))
        async for _ in answer.aiter_raw():
            pass
        await answer.aclose()

    unread: list[tuple[Item, bytes]] = []

    async def read(item: Item) -> None:
        unread.append((item, await client.fetch(item.url, request, lambda body, _: body)))
        if len(unread) == leaves.BATCH:
            for one in unread:
                leaves._event(*one)
            unread.clear()

    return {
        "aiohttp alone": alone,
        "through httpx's transport": transport,
        "with retries, caps and limit": lambda item: client.fetch(item.url, request, lambda body, _: body),
        "with parsing and checking in batches": read,
    }


def _cpu(client: Client, stage: Callable[[Item], Awaitable[Any]], items: list[Item], width: int) -> float:
    async def everything() -> None:
        left = iter(items)

        async def work() -> None:
            for item in left:
                await stage(item)

        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(work())

    begun = time.process_time()
    client.run(everything())
    return 1e6 * (time.process_time() - begun) / len(items)


def long_run(report: Report, plan: Plan, home: World) -> None:
    """The memory of two worker processes over many pages of today's size."""
    large = make(4, 2750, "long", seed=5)
    server = BenchServer([large], [0.0])
    workers = Workers(home.settings(f"{server.origin(0.0)}/long/v3.json"), 2)
    leaves = 0
    try:
        workers.scan()
        first = workers.memory()
        while leaves < plan.long_run:
            leaves += workers.scan()["leaves"]
        what = f"worker process after {leaves:,} leaves of pages of 2,750"
        report.add("memory", f"largest {what}", max(workers.memory().values()), "MB", target="≤ 110")
        report.add("memory", "… at its peak, in the middle of a page", max(workers.peaks()), "MB", show=True)
        report.add("memory", "… growth meanwhile", growth(first, workers.memory()), "%", target="≤ 5")
    finally:
        workers.stop()
        server.stop()
