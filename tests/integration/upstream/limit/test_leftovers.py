"""What a page leaves behind in the limit: no claim, no connection, no memory, and little traffic."""

import gc
import time
from contextlib import ExitStack

import psutil

from pkgintel.upstream.client import Client, Request
from pkgintel.upstream.leaves import fetch_leaves
from pkgintel.upstream.slots import LocalLimit
from tests.support.hostile import HostileServer
from tests.support.leaves import catalog_of, served
from tests.support.limits import Busy, Redis, fleet_of, leases, soon


def test_who_leaves_gives_its_share_back_and_comes_again_as_the_youngest(
    valkey: Redis, client: Client, prefix: str
) -> None:
    fleet = fleet_of(valkey, prefix, 8, beat=0.05)
    with fleet.lease(client, "https://a.example/x") as first:
        stays = Busy(client, first, 8)
        soon(lambda: first.share == 8)
        for _ in range(2):
            with fleet.lease(client, "https://a.example/x") as second:
                comes = Busy(client, second, 8)
                soon(lambda second=second: (first.share, second.share) == (5, 3))  # type: ignore[misc]
                comes.let_go()
                soon(lambda comes=comes: comes.left == 0)  # type: ignore[misc]
            assert len(leases(valkey, prefix)) == 1
            soon(lambda: first.share == 8)
        stays.let_go()


def test_a_page_that_asks_for_nothing_is_not_heard_of(valkey: Redis, client: Client, prefix: str) -> None:
    before = valkey.client.info("stats")["total_commands_processed"]
    with fleet_of(valkey, prefix, 8).lease(client, "https://a.example/x"):
        pass
    assert valkey.client.info("stats")["total_commands_processed"] == before + 1, "but for the question before"


def test_a_page_that_breaks_off_leaves_no_claim(valkey: Redis, client: Client, prefix: str) -> None:
    fleet = fleet_of(valkey, prefix, 8)
    with fleet.lease(client, "https://a.example/x") as stays, ExitStack() as stack:
        breaks = stack.enter_context(fleet.lease(client, "https://a.example/x"))
        busy = Busy(client, stays, 8)
        soon(lambda: stays.share == 8)
        other = Busy(client, breaks, 8)
        soon(lambda: (stays.share, breaks.share) == (5, 3))
        stack.close()  # With its requests still in flight, which count on for a moment.
        assert leases(valkey, prefix)[breaks.name] == 3
        soon(lambda: stays.share == 8)
        busy.let_go()
        other.let_go()


def test_thousands_of_pages_leave_nothing_behind(
    valkey: Redis, client: Client, server: HostileServer, prefix: str
) -> None:
    wanted = served(server, range(3))
    before = len(valkey.client.client_list())
    process = psutil.Process()

    fleet = fleet_of(valkey, prefix, 8)  # As a process has one for all its pages.

    def pages(count: int) -> tuple[int, int, int]:
        for _ in range(count):
            with fleet.lease(client, server.origin) as limit:
                assert len(fetch_leaves(client, catalog_of(server), wanted, limit).events) == 3
        server.forget()
        gc.collect()
        return len(gc.get_objects()), process.num_fds(), process.memory_info().rss

    objects, files, memory = pages(200)
    objects_then, files_then, memory_then = pages(2000)
    assert objects_then - objects < 500
    assert files_then <= files + 8
    assert memory_then - memory < 8_000_000
    assert len(valkey.client.client_list()) <= before + 1
    assert len(leases(valkey, prefix)) == 0
    client.close()
    soon(lambda: len(valkey.client.client_list()) == before)


def test_leaving_while_waiting_gives_the_slot_to_the_next(client: Client) -> None:
    import asyncio

    async def play() -> int:
        limit = LocalLimit(1)
        await limit.enter()
        waiting = [asyncio.create_task(limit.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        limit.leave(True)
        waiting[1].cancel()  # It was given the slot but never ran again.
        await asyncio.sleep(0)
        await asyncio.wait_for(waiting[2], 1)
        limit.leave(True)
        return limit.busy

    assert client.run(play()) == 0


def test_the_rate_of_renewals_does_not_depend_on_the_requests(
    valkey: Redis, client: Client, server: HostileServer, prefix: str
) -> None:
    fleet = fleet_of(valkey, prefix, 16, beat=0.5)
    wanted = served(server, range(600))
    with fleet.lease(client, server.origin) as limit:
        before = valkey.client.info("stats")["total_commands_processed"]
        begun = time.monotonic()
        for item in wanted:
            client.run(client.fetch(item.url, Request(1000, lambda _: None, limit=limit), lambda body, _: body))
        # The script itself runs a few commands, which are counted too.
        renewals = (valkey.client.info("stats")["total_commands_processed"] - before) / 8
    assert renewals < 10 + 20 * (time.monotonic() - begun)
