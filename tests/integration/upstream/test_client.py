"""The client against a hostile server: bodies, limits, redirects, retries, cancellation, forks and leaks."""

import asyncio
import gc
import gzip
import itertools
import os
import pickle
import random
import re
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import psutil
import pytest

from pkgintel.errors import TryLater, UpstreamUnavailable
from pkgintel.settings import Settings
from pkgintel.upstream.answers import NotJson, Unobtainable
from pkgintel.upstream.client import Client, Request
from pkgintel.upstream.slots import LocalLimit
from pkgintel.upstream.transport import PublicResolver
from tests.support.hostile import Answer, HostileServer
from tests.support.waiting import until

BODY = b'{"some": "json"}' * 100


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    made = Client(Settings(request_timeout=0.4, request_attempts=4, user_agent="tester/1 (+mail)"), backoff=0.0)
    yield made
    made.close()


@pytest.fixture
def path(request: pytest.FixtureRequest, server: HostileServer) -> str:
    return "/" + re.sub(r"\W+", "-", request.node.name)


def body(content: bytes, _: str) -> bytes:
    return content


def json_only(content: bytes, _: str) -> bytes:
    if not content.startswith(b"{"):
        raise NotJson(content)
    return content


def anywhere(_: str) -> str | None:
    return None


def get(client: Client, url: str, cap: int = 100_000, **request: Any) -> bytes:
    return client.run(client.fetch(url, Request(cap, request.pop("allows", anywhere), **request), json_only))


def tasks(client: Client) -> int:
    async def count() -> int:
        return len(asyncio.all_tasks()) - 1

    return client.run(count())


@pytest.mark.parametrize(
    "answer",
    [
        Answer(BODY),
        Answer(BODY, gzip=True),
        Answer(BODY, chunked=True),
        Answer(BODY, chunked=True, gzip=True),
        Answer(BODY, until_close=True),
        Answer(gzip.compress(BODY[:50]) + gzip.compress(BODY[50:]), headers={"Content-Encoding": "gzip"}),
        Answer(gzip.compress(BODY), headers={"Content-Encoding": "X-GZIP"}),
        Answer(zlib.compress(BODY), headers={"Content-Encoding": "deflate"}),
        Answer(zlib.compress(BODY)[2:-4], headers={"Content-Encoding": "deflate"}),
        Answer(BODY, drip_head=0.001),
    ],
)
def test_bodies_come_whole(client: Client, server: HostileServer, path: str, answer: Answer) -> None:
    server.script(path, [answer])
    assert get(client, server.url(path)) == BODY
    assert server.count(path) == 1


def test_a_connection_the_server_closed_meanwhile_does_not_count(
    client: Client, server: HostileServer, path: str
) -> None:
    server.put(path, BODY, close_after=len(BODY))
    for _ in range(5):
        assert get(client, server.url(path)) == BODY
        time.sleep(0.02)
    assert server.count(path) == 5


def test_it_says_who_asks_and_takes_gzip(client: Client, server: HostileServer, path: str) -> None:
    server.put(path, BODY)
    get(client, server.url(path))
    headers = server.requests[-1].headers
    assert headers["user-agent"] == "tester/1 (+mail)"
    assert headers["accept-encoding"] == "gzip"
    assert "cookie" not in headers


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=408),
        Answer(status=425),
        Answer(status=429),
        Answer(status=429, retry_after=0),
        Answer(status=500),
        Answer(status=503, retry_after="Mon, 01 Jan 2001 00:00:00 GMT"),
        Answer(status=599),
        Answer(BODY, length=len(BODY) + 1),
        Answer(BODY, close_after=10),
        Answer(BODY, reset_after=10),
        Answer(BODY, gzip=True, chunked=True, close_after=10),
        Answer(gzip.compress(BODY)[:-9], headers={"Content-Encoding": "gzip"}),
        Answer(BODY, headers={"Content-Encoding": "gzip"}),
        Answer(BODY, headers={"Content-Encoding": "br"}),
        Answer(b"<html>maintenance</html>", content_type="text/html"),
        Answer(b""),
        Answer(b"", status=204),
        Answer(refuse=True),
        Answer(hang=True),
        Answer(BODY, drip=0.05),
        Answer(BODY, drip_head=0.05),
        Answer(BODY, headers={"Broken Header\x01": "x"}),
    ],
)
def test_passing_trouble_is_ridden_out(client: Client, server: HostileServer, path: str, answer: Answer) -> None:
    server.script(path, [answer, BODY])
    assert get(client, server.url(path)) == BODY
    assert server.count(path) >= 2
    until(lambda: tasks(client) == 0, timeout=5)


def test_lasting_trouble_is_told_after_the_tries(client: Client, server: HostileServer, path: str) -> None:
    server.put(path, status=503)
    before = client.counts["5xx"]
    with pytest.raises(UpstreamUnavailable, match=r"answered 503 \(4 tries\)") as caught:
        get(client, server.url(path))
    assert caught.value.url == server.url(path)
    assert server.count(path) == 4
    assert client.counts["5xx"] == before + 4


def test_nobody_listening(client: Client) -> None:
    with HostileServer() as gone:
        url = gone.url("/x")
    before = client.counts["connect"]
    with pytest.raises(UpstreamUnavailable, match="no connection"):
        get(client, url)
    assert client.counts["connect"] == before + 4


@pytest.mark.parametrize("status", [400, 401, 403, 405])
def test_a_refusal_is_told_at_once(client: Client, server: HostileServer, path: str, status: int) -> None:
    server.put(path, status=status)
    with pytest.raises(UpstreamUnavailable, match=f"answered {status}"):
        get(client, server.url(path))
    assert server.count(path) == 1


@pytest.mark.parametrize("status", [404, 410, 451])
def test_what_is_missing_is_not_asked_for_again(client: Client, server: HostileServer, path: str, status: int) -> None:
    server.put(path, b"<Error/>", status=status)
    with pytest.raises(Unobtainable, match=f"answered {status}") as caught:
        get(client, server.url(path))
    assert (caught.value.reason, caught.value.body) == ("missing", b"<Error/>")
    assert server.count(path) == 1
    for broken in (
        Answer(b"x" * 99, status=status, reset_after=9),
        Answer(b"x", status=status, headers={"Content-Encoding": "br"}),
    ):
        server.script(path, [broken])
        with pytest.raises(Unobtainable, match=f"answered {status}"):
            get(client, server.url(path))


def test_what_stays_broken_gets_fewer_tries(client: Client, server: HostileServer, path: str) -> None:
    server.put(path, b"<html>")
    with pytest.raises(Unobtainable, match="begins with '<html>'") as caught:
        get(client, server.url(path))
    assert (caught.value.reason, caught.value.body) == ("not-json", b"<html>")
    assert server.count(path) == 3


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"{" * 2000),
        Answer(b"{" * 2000, chunked=True),
        Answer(b"{" * 2000, until_close=True),
        Answer(b"{" * 2000, gzip=True),
        Answer(b"{}", length=2000),
    ],
)
def test_too_large(client: Client, server: HostileServer, path: str, answer: Answer) -> None:
    server.script(path, [answer])
    with pytest.raises(Unobtainable, match="larger than 1,999 bytes") as caught:
        get(client, server.url(path), cap=1999)
    assert (caught.value.reason, caught.value.body) == ("too-large", None)
    assert server.count(path) == 1
    if answer.length is None:
        assert len(get(client, server.url(path), cap=2000)) == 2000


def test_a_bomb_does_not_fill_the_memory(client: Client, server: HostileServer, path: str) -> None:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(squeezer.compress(bytes(1_000_000)) for _ in range(500)) + squeezer.flush()
    server.put(path, bomb, headers={"Content-Encoding": "gzip"})
    get_rss = psutil.Process().memory_info
    before = get_rss().rss
    peak = 0

    def watch() -> None:
        nonlocal peak
        peak = max(peak, get_rss().rss)

    request = Request(2_000_000, anywhere)
    for _ in range(5):
        with pytest.raises(Unobtainable, match="larger than"):
            client.run(client.fetch(server.url(path), request, body), watch, every=0.005)
    assert max(peak, get_rss().rss) - before < 40_000_000


def test_redirects_are_followed_within_the_rule(client: Client, server: HostileServer, path: str) -> None:
    server.put(path, redirect=f"{path}/2")
    server.put(f"{path}/2", status=308, redirect=server.url(f"{path}/3"))
    server.put(f"{path}/3", BODY)

    def here(url: str) -> str | None:
        return None if url.startswith(server.origin + "/") else "it is elsewhere"

    found = client.run(client.fetch(server.url(path), Request(10_000, here), lambda _, place: place))
    assert found == server.url(f"{path}/3")
    for target in ("https://evil.example/x", "//evil.example/x", "file:///etc/passwd", "http://127.0.0.1:1/x"):
        server.put(f"{path}/3", redirect=target)
        with pytest.raises(Unobtainable, match="not followed: it is elsewhere") as caught:
            get(client, server.url(path), allows=here)
        assert caught.value.reason == "redirect"


def test_redirects_end(client: Client, server: HostileServer, path: str) -> None:
    server.put(path, redirect=f"{path}?again")
    server.put(f"{path}?again", redirect=path)
    with pytest.raises(Unobtainable, match="more than 5 times"):
        get(client, server.url(path))
    server.put(path, redirect=path)
    with pytest.raises(Unobtainable, match="to itself"):
        get(client, server.url(path))
    server.put(path, status=302)
    with pytest.raises(UpstreamUnavailable, match="without a place"):
        get(client, server.url(path))


def test_a_place_that_is_not_allowed_is_never_asked(client: Client, server: HostileServer, path: str) -> None:
    with pytest.raises(Unobtainable, match="not fetched: no!") as caught:
        get(client, server.url(path), allows=lambda _: "no!")
    assert caught.value.reason == "address"
    assert server.count(path) == 0


def test_a_public_source_is_not_followed_to_a_private_address_by_its_name(
    client: Client, server: HostileServer, path: str
) -> None:
    server.put(path, BODY)
    url = f"http://localhost:{server.port}{path}"
    assert get(client, url) == BODY
    with pytest.raises(Unobtainable, match="a private address") as caught:
        get(client, url, public=True)
    assert caught.value.reason == "address"
    assert server.count(path) == 1
    assert not client.run(client.is_public("localhost"))
    assert not client.run(client.is_public("127.0.0.1"))
    assert client.run(client.is_public("8.8.8.8"))


def test_the_resolver_keeps_public_addresses_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(*_: Any) -> list[dict[str, Any]]:
        return [{"host": "10.0.0.1"}, {"host": "8.8.8.8"}, {"host": "::1"}]

    monkeypatch.setattr("aiohttp.ThreadedResolver.resolve", answer)

    async def resolve() -> list[str]:
        return [one["host"] for one in await PublicResolver().resolve("mixed.example", 443)]

    assert asyncio.run(resolve()) == ["8.8.8.8"]


def test_a_short_retry_after_is_waited_for(client: Client, server: HostileServer, path: str) -> None:
    server.script(path, [Answer(status=429, retry_after=1), BODY])
    get(client, server.url(path))
    first, second = [request.at for request in server.requests if request.path == path]
    assert second - first >= 1.0


def test_a_long_retry_after_is_passed_on(client: Client, server: HostileServer, path: str) -> None:
    server.put(path, status=503, retry_after=120)
    with pytest.raises(TryLater) as caught:
        get(client, server.url(path))
    assert caught.value.retry_after == 120
    assert server.count(path) == 1
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (str(again), again.url, again.retry_after) == (str(caught.value), server.url(path), 120)


def test_backoff_grows_and_varies(server: HostileServer, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server.script(path, [Answer(status=500), Answer(status=500), Answer(status=500), BODY])
    slow = Client(Settings(request_attempts=5), backoff=0.05)
    try:
        get(slow, server.url(path))
    finally:
        slow.close()
    times = [request.at for request in server.requests if request.path == path]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert [wait >= least for wait, least in zip(waits, (0.05, 0.1, 0.2), strict=True)] == [True] * 3


@pytest.mark.parametrize(
    ("spelled", "sent"),
    [
        ("/it%27s.1.0.0.json", "/it%27s.1.0.0.json"),
        ("/it's.1.0.0.json?x=%2F&y=1", "/it's.1.0.0.json?x=%2F&y=1"),
        ("/awssd%E2%84%AA.core.json", "/awssd%E2%84%AA.core.json"),
        ("/awssd\u212a.core.json", "/awssd%E2%84%AA.core.json"),
        ("/a b.json#part", "/a%20b.json"),
    ],
)
def test_an_address_is_asked_for_as_it_is_spelled(
    client: Client, server: HostileServer, path: str, spelled: str, sent: str
) -> None:
    server.put(path + sent, BODY)
    assert get(client, server.url(path) + spelled) == BODY
    assert server.requests[-1].path == path + sent


def test_any_transport_of_httpx_will_do() -> None:
    made = Client(Settings(), transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"{}")))
    try:
        assert get(made, "https://api.nuget.org/v3/index.json") == b"{}"
        assert made.counts == {"2xx": 1}
    finally:
        made.close()


def test_ticks_come_in_the_calling_thread_and_may_end_it(client: Client, server: HostileServer, path: str) -> None:
    server.put(path, BODY, delay=0.2)
    seen: list[threading.Thread] = []

    def tick() -> None:
        seen.append(threading.current_thread())

    client.run(client.fetch(server.url(path), Request(10_000, anywhere), body), tick, every=0.02)
    assert set(seen) == {threading.current_thread()}

    def fail() -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        client.run(client.fetch(server.url(path), Request(10_000, anywhere), body), fail, every=0.02)
    assert tasks(client) == 0


class Stopped(Exception):
    pass


@pytest.fixture
def stopped_while() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Calls what it is given, and sends a signal at some moment of that call, whose handler raises `Stopped` there.

    Each signal has arrived before the next call and before the handler goes: the usual one would end this process.
    """
    calling, arrived = False, 0

    def stop(*_: object) -> None:
        nonlocal arrived
        arrived += 1
        if calling:
            raise Stopped

    def call(what: Callable[[], object]) -> None:
        nonlocal calling
        begun, expected = threading.Lock(), arrived + 1

        def send() -> None:
            with begun:
                time.sleep(random.uniform(0, 0.05))
            os.kill(os.getpid(), signal.SIGUSR1)

        begun.acquire()
        threading.Thread(target=send).start()
        try:
            calling = True
            begun.release()
            what()
        finally:
            calling = False
            until(lambda: arrived == expected, "the signal arrives")

    usual = signal.signal(signal.SIGUSR1, stop)
    yield call
    signal.signal(signal.SIGUSR1, usual)


def test_a_signal_cancels_what_runs_and_leaves_nothing(
    server: HostileServer, path: str, stopped_while: Callable[[Callable[[], object]], None]
) -> None:
    begun: list[str] = []
    ended: list[str] = []
    patient = Client(Settings(), backoff=0.0)

    async def long() -> None:
        begun.append("cleanly")
        try:
            await patient.fetch(server.url(path), Request(10_000, anywhere), body)
        finally:
            await asyncio.sleep(0.05)
            ended.append("cleanly")

    server.put(path, hang=True)
    try:
        for _ in range(20):
            with pytest.raises(Stopped):
                stopped_while(lambda: patient.run(long()))
        assert tasks(patient) == 0
        until(lambda: server.in_flight == 0, timeout=5)
    finally:
        patient.close()
    assert ended == begun


def test_thousands_of_requests_leave_nothing_behind(path: str) -> None:
    server = HostileServer().start()
    limit = LocalLimit(16)
    made = Client(Settings(max_in_flight=16, request_timeout=2, request_attempts=2), backoff=0.0)
    kinds = [Answer(BODY), Answer(BODY, gzip=True), Answer(BODY, close_after=9), Answer(status=503), Answer(status=404)]
    kinds += [Answer(BODY * 100), Answer(redirect="http://127.0.0.1:1/"), Answer(BODY, until_close=True)]
    for number, kind in enumerate(kinds):
        server.script(f"{path}/{number}", [kind])
    request = Request(10_000, lambda url: None if url.startswith(server.origin) else "no", limit=limit)

    async def one(number: int) -> None:
        with suppress(Unobtainable, UpstreamUnavailable):
            await made.fetch(server.url(f"{path}/{number % len(kinds)}"), request, body)

    async def many(count: int) -> None:
        numbers = iter(range(count))

        async def work() -> None:
            for number in numbers:
                await one(number)

        await asyncio.gather(*(work() for _ in range(32)))

    def objects() -> int:
        gc.collect()
        return len(gc.get_objects())

    try:
        server.forget()
        made.run(many(1000))
        process, count = psutil.Process(), objects()
        memory, files = process.memory_info().rss, process.num_fds()
        for _ in range(3):
            made.run(many(1000))
        assert server.peak_in_flight <= 16
        assert tasks(made) == 0
        assert process.num_fds() <= files + 2 * 16
        server.requests.clear()
        assert objects() - count < 1500
        assert process.memory_info().rss - memory < 8_000_000
    finally:
        made.close()
    until(lambda: server.open_connections == 0, timeout=5)
    server.stop()
