"""Where the client goes when it is sent elsewhere, and where it never goes."""

import asyncio
from typing import Any

import pytest

from pkgintel.errors import UpstreamUnavailable
from pkgintel.upstream.answers import Unobtainable
from pkgintel.upstream.client import Client, Request
from pkgintel.upstream.transport import PublicResolver
from tests.support.fetches import BODY, get
from tests.support.hostile import HostileServer


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
