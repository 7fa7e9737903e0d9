"""Whatever a server sends: each leaf ends as an event, a reject or transport trouble of that request, and in time."""

import gzip
import json
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pkgintel.errors import UpstreamUnavailable
from pkgintel.nuget.documents import Item
from pkgintel.pipeline.page_write import reject_row
from pkgintel.settings import Settings
from pkgintel.upstream.answers import Unobtainable
from pkgintel.upstream.client import Client, Request
from pkgintel.upstream.leaves import Leaves, fetch_leaves
from pkgintel.upstream.origins import CatalogAddress
from pkgintel.upstream.slots import LocalLimit
from tests.support.answers import Answer
from tests.support.hostile import HostileServer

STAMP = "2026-10-01T12:28:29.9400959Z"
LEAF = {"@type": ["PackageDetails"], "id": "P", "version": "1.0.0", "listed": True}
EMPTY_MEMBER = gzip.compress(b"")
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"  # A stored block of no bytes that is not the last.


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    made = Client(Settings(request_timeout=0.3, request_attempts=2, max_leaf_bytes=100_000), backoff=0.0)
    yield made
    made.close()


def fetch(server: HostileServer, client: Client, answer: Answer) -> Leaves | UpstreamUnavailable:
    """What becomes of one leaf that is answered so; nothing else may leave `fetch_leaves`."""
    server.script("/leaf.json", [answer])
    line = {"@id": server.url("/leaf.json"), "@type": "nuget:PackageDetails", "commitTimeStamp": STAMP}
    item = Item.read(line | {"nuget:id": "P", "nuget:version": "1.0.0"})
    catalog = CatalogAddress(server.url("/index.json"), frozenset({server.origin}), public=False)
    try:
        found = fetch_leaves(client, catalog, [item], LocalLimit(2))
    except UpstreamUnavailable as error:
        return error
    assert len(found.events) + len(found.rejected) == 1
    for reject in found.rejected:
        row = reject_row(reject, "page", 1)
        for text in (row["error"], row["body"], row["reason"]):
            assert "\0" not in str(text).encode("utf-8").decode()  # Postgres takes it.
    return found


ODD_TIMES = st.sampled_from(
    [
        "9999-12-31T23:59:59.9999999Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "10000-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-10-01T24:00:00Z",
        "2026-10-01T12:28:29.9400959+99:99",
        "",
        "\0",
        "²026-10-01T00:00:00Z",
    ]
)
ODD_VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | ODD_TIMES | st.just([[[{}]]] * 3)
)
FIELDS = st.sampled_from(
    [
        "@type",
        "id",
        "version",
        "listed",
        "published",
        "created",
        "catalog:commitTimeStamp",
        "originalId",
        "licenseExpression",
        "licenseUrl",
        "licenseFile",
        "projectUrl",
        "deprecation",
    ]
)
DOCUMENTS = st.dictionaries(FIELDS, ODD_VALUES, max_size=4).map(lambda odd: json.dumps(LEAF | odd).encode())
BODIES = st.one_of(
    DOCUMENTS,
    DOCUMENTS.map(lambda body: b"\xef\xbb\xbf" + body),
    DOCUMENTS.map(lambda body: body[: len(body) // 2]),
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"[" * 50_000,
            b'{"a":' * 20_000,
            b"null",
            b"[]",
            b'"\\ud800"',
            b"1" * 5000,
            json.dumps(LEAF).encode()[:-1] + b', "x": "\\ud83d"}',
            json.dumps(LEAF).encode()[:-1] + b', "x": ' + b"9" * 5000 + b', "y": "\\ud83d"}',
            json.dumps(LEAF).encode()[:-1] + b', "x": ' + b"[" * 5000 + b"]" * 5000 + b', "y": "\\ud83d"}',
        ]
    ),
)
CODED = st.tuples(
    BODIES,
    st.sampled_from(
        [
            (None, lambda body: body),
            ("gzip", gzip.compress),
            ("gzip", lambda body: gzip.compress(body)[:-5]),
            ("gzip", lambda body: gzip.compress(body) + b"tail"),
            ("gzip", lambda body: body),
            ("deflate", zlib.compress),
            ("deflate", lambda body: zlib.compress(body)[2:-4]),
            ("deflate", lambda body: body),
            ("br", lambda body: body),
            ("gzip, gzip", gzip.compress),
            ("\x80", lambda body: body),
        ]
    ),
).map(lambda both: (both[1][0], both[1][1](both[0])))
LOCATIONS = st.text(max_size=12) | st.sampled_from(
    [
        "http://[::1",
        "http://[",
        "//",
        "http://%zz/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "https://[v1.x]/",
        "http://a b/",
        "?",
        "#",
        "",
        "\\\\evil",
        "http:///x",
        "http://\u212a.example/",
        "http://xn--a/",
        "leaf.json",
        "http://" + "a" * 300 + "/",
        "http://127.0.0.1:1/x",
        "file:///etc/passwd",
        "javascript:1",
        "/ok",
        "\t/ok",
    ]
)
LATER = st.text(max_size=12) | st.sampled_from(
    [
        "Thu, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Thu, 01 Jan 9999 00:00:00 -9999",
        "0",
        "9" * 400,
        "-1",
        "1e9",
        "Thu, 01 Jan 0000 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "²",
        "Thu, 01 Jan 2026 99:99:99 GMT",
        "Thu, 01 Jan 2026 00:00:00 +99999999999999",
    ]
)
HEADS = st.lists(
    st.one_of(
        LOCATIONS.map(lambda text: ("Location", text)),
        LATER.map(lambda text: ("Retry-After", text)),
        st.tuples(st.sampled_from(["Content-Length", "Transfer-Encoding", "Content-Type"]), st.text(max_size=8)),
        st.tuples(st.text(max_size=6), st.text(max_size=6)),
    ),
    max_size=3,
)
STATUSES = st.sampled_from([200, 200, 200, 204, 206, 301, 302, 304, 307, 308, 400, 401, 404, 410, 429, 500, 503]) | (
    st.integers(0, 1200)
)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """A whole answer, most of it plausible."""
    coding, body = draw(CODED)
    head = [("Content-Encoding", coding)] if coding else []
    framing = draw(st.sampled_from(["length", "short", "long", "chunked", "close", "both"]))
    if framing in ("chunked", "both"):
        head.append(("Transfer-Encoding", "chunked"))
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    if framing in ("length", "short", "long", "both"):
        head.append(("Content-Length", str(max(0, len(body) + {"short": -3, "long": 3}.get(framing, 0)))))
    head += draw(HEADS)
    lines = [f"HTTP/1.1 {draw(STATUSES)} Whatever", *(f"{name}: {value}" for name, value in head)]
    return Answer(raw=("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace") + body)


def redirect(to: str) -> Answer:
    return Answer(raw=f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode())


def later(when: str) -> Answer:
    return Answer(raw=f"HTTP/1.1 503 Later\r\nRetry-After: {when}\r\nContent-Length: 0\r\n\r\n".encode())


@settings(max_examples=400)
@given(answers())
@example(redirect("http://[::1"))
@example(later("Thu, 01 Jan 99999999999999999999 00:00:00 GMT"))
def test_any_answer_ends_as_an_event_a_reject_or_trouble(server: HostileServer, client: Client, answer: Answer) -> None:
    fetch(server, client, answer)


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"\x16\x03\x01\x02\x00", b"HTTP/1.1 200"]
)
def test_what_is_no_http_is_trouble(server: HostileServer, client: Client, raw: bytes) -> None:
    assert isinstance(fetch(server, client, Answer(raw=raw)), UpstreamUnavailable)


def test_a_redirect_to_no_address_is_a_reject(server: HostileServer, client: Client) -> None:
    found = fetch(server, client, redirect("http://[::1"))
    assert isinstance(found, Leaves)
    assert [reject.reason for reject in found.rejected] == ["redirect"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(EMPTY_MEMBER, headers={"Content-Encoding": "gzip"}, until_close=True, endless=EMPTY_MEMBER * 500),
        Answer(
            zlib.compress(b"")[:2], headers={"Content-Encoding": "deflate"}, until_close=True, endless=EMPTY_BLOCK * 999
        ),
        Answer(b"", chunked=True, endless=b" " * 10_000),
        Answer(b"", chunked=True, endless=b"1;" + b"x" * 9_000 + b"\r\nx\r\n"),
        Answer(b"", chunked=True, endless=b"0" * 10_000),
        Answer(raw=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000),
        Answer(b"{", until_close=True, endless=b" " * 10_000),
    ],
    ids=["empty gzip members", "empty deflate blocks", "blanks", "chunk extensions", "chunk sizes", "headers", "blank"],
)
def test_a_body_without_an_end_ends(server: HostileServer, client: Client, answer: Answer) -> None:
    begun = time.monotonic()
    found = fetch(server, client, answer)
    assert isinstance(found, UpstreamUnavailable) or [one.reason for one in found.rejected] == ["too-large"]
    assert time.monotonic() - begun < 12
    # What a slot is held for is over as well: the next leaf comes at once.
    assert isinstance(found := fetch(server, client, Answer(LEAF)), Leaves)
    assert len(found.events) == 1


def test_bytes_that_are_received_are_bounded_too(server: HostileServer, client: Client) -> None:
    """Of bytes that decode to nothing, no more are taken in than a body of that size may have."""
    empty = Answer(EMPTY_MEMBER * 900 + zlib.compress(b""), headers={"Content-Encoding": "gzip"})
    request = Request(10_000, lambda _: None)
    server.script("/leaf.json", [empty])
    with pytest.raises(Unobtainable, match="larger than 10,000 bytes") as caught:
        client.run(client.fetch(server.url("/leaf.json"), request, lambda body, _: body))
    assert caught.value.reason == "too-large"


def test_an_incompressible_body_of_the_greatest_size_is_taken(server: HostileServer, client: Client) -> None:
    content: Any = b"".join(zlib.compress(str(number).encode()) for number in range(3000))[:20_000]
    stored = zlib.compressobj(0, zlib.DEFLATED, 31)
    server.script(
        "/leaf.json", [Answer(stored.compress(content) + stored.flush(), headers={"Content-Encoding": "gzip"})]
    )
    request = Request(20_000, lambda _: None)
    assert client.run(client.fetch(server.url("/leaf.json"), request, lambda body, _: body)) == content
