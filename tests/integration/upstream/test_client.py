"""The client against a hostile server: bodies, limits, retries, addresses."""

import gzip
import itertools
import pickle
import zlib

import httpx
import psutil
import pytest

from pkgintel.errors import TryLater, UpstreamUnavailable
from pkgintel.settings import Settings
from pkgintel.upstream.answers import Unobtainable
from pkgintel.upstream.client import Client, Request
from tests.support.answers import Answer
from tests.support.fetches import BODY, anywhere, body, get, tasks
from tests.support.hostile import HostileServer
from tests.support.waiting import until


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
        until(lambda: not server.open_connections, "the server has closed it")
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
