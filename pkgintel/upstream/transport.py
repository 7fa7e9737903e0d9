"""The only module that opens HTTP connections: httpx's transport API over aiohttp's.

httpx's own pool searches all connections for each request, so it is quadratic in requests in flight. The published
bridge to aiohttp, httpx-aiohttp, costs more CPU a request than aiohttp itself; what is needed of it here (GET, raw
bodies, no proxy) is these few lines.
"""

import functools
import socket
import ssl
from collections.abc import AsyncIterator, Callable

import aiohttp
import httpx
import yarl

from pkgintel.upstream import origins
from pkgintel.upstream.answers import PrivateAddress

READ_AHEAD = 2**18  # Bytes of a body taken in before its reader has come: most leaves whole, a page in a few steps.


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends GET requests through the session that `make` returns, which is made in the loop of the first request.

    Redirects are not followed, bodies not decoded. What aiohttp raises is the cause of an `httpx.TransportError`.
    `timeout` is that of aiohttp; the request's own is not looked at. Its extension "target" stands in for the path, as
    httpx has it: beside an address without a path.
    """

    def __init__(self, make: Callable[[], aiohttp.ClientSession], timeout: aiohttp.ClientTimeout) -> None:
        self._make = make
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, its body still to be read. Raises: httpx.TransportError."""
        if self._session is None:
            self._session = self._make()
        url, target = str(request.url), request.extensions.get("target")
        if target is not None:
            url = url.removesuffix("/") + target.decode("ascii")
        try:
            answer = await self._session.request(
                request.method,
                yarl.URL(url, encoded=True),
                headers=[(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw],
                allow_redirects=False,
                timeout=self._timeout,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise httpx.TransportError(str(error)) from error
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()


class _Body(httpx.AsyncByteStream):
    """A body as it comes."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = self._answer.content.readany
        try:
            while chunk := await read():
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise httpx.TransportError(str(error)) from error

    async def aclose(self) -> None:
        self._answer.release()


class PublicResolver(aiohttp.ThreadedResolver):
    """Resolves names to public addresses only, at the moment of connecting, so that no later answer can slip by."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        """The public addresses of `host`. Raises: PrivateAddress when it has none but private ones."""
        found = await super().resolve(host, port, family)
        kept = [one for one in found if origins.is_public_ip(one["host"])]
        if found and not kept:
            raise PrivateAddress(f"{host} resolves to {found[0]['host']}, a private address, and the source is public")
        return kept


@functools.cache
def _tls() -> ssl.SSLContext:
    """The process's one context: building it costs 34 ms."""
    return httpx.create_ssl_context()


def connections(limit: int, wait: float, public: bool) -> AiohttpTransport:
    """At most `limit` lasting connections; `wait` seconds for a connection and for each part of an answer.

    With `public`, none of them ever leads to a private address.
    """

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=limit, keepalive_timeout=30, ssl=_tls(), resolver=PublicResolver() if public else None
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=READ_AHEAD,
        )

    return AiohttpTransport(session, aiohttp.ClientTimeout(total=None, sock_connect=wait, sock_read=wait))
