"""Asking a server by the client, for tests of what comes of it."""

import asyncio
from typing import Any

from pkgintel.upstream.answers import NotJson
from pkgintel.upstream.client import Client, Request

BODY = b'{"some": "json"}' * 100


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
