"""The sample catalog over HTTP, in this process.

It answers as the storage behind nuget.org does: GET and HEAD, keep-alive, gzip when accepted, weak ETags, XML for what
is not there.
"""

import gzip
import hashlib
import socket
import socketserver
import threading
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from pkgintel.errors import SettingsError
from pkgintel.sample.history import Stage
from pkgintel.sample.source import SERVICE_INDEX, SPDX_EXCEPTIONS, SPDX_LICENSES, Sample

_NOT_FOUND = (
    '\ufeff<?xml version="1.0" encoding="utf-8"?>'
    "<Error><Code>BlobNotFound</Code><Message>The specified blob does not exist.</Message></Error>"
).encode()
_WORTH_ZIPPING = 512
_IDLE_SECONDS = 300


class Server:
    """A running server of the sample catalog; `close` it, or use it as a context manager."""

    def __init__(self, sample: Sample, host: str, port: int, base_url: str | None) -> None:
        try:
            self._listener = _Listener(host, port)
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise SettingsError(
                f"The sample catalog cannot listen on {host} port {port}: {reason[:1].lower()}{reason[1:]}."
            ) from None
        self.port: int = self._listener.server_address[1]
        reached = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
        address = f"[{reached}]" if ":" in reached else reached
        self.base_url = (base_url or f"http://{address}:{self.port}").rstrip("/")
        try:
            self.publish(sample.stage)
        except BaseException:
            self._listener.server_close()
            raise
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, name="sample-catalog", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """The address of the service index."""
        return self.base_url + SERVICE_INDEX

    @property
    def licenses_url(self) -> str:
        """The address of the SPDX license list."""
        return self.base_url + SPDX_LICENSES

    @property
    def exceptions_url(self) -> str:
        """The address of the SPDX exceptions."""
        return self.base_url + SPDX_EXCEPTIONS

    def publish(self, stage: Stage) -> None:
        """Serve the catalog as of `stage` from now on."""
        self._listener.documents = _Documents({**Sample(stage).documents(self.base_url), **Sample(stage).contents()})

    def close(self) -> None:
        """Stop, end every connection and free the port; closing twice is harmless."""
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(sample: Sample | None = None, host: str = "127.0.0.1", port: int = 0, base_url: str | None = None) -> Server:
    """Serve `sample` (its first stage) from threads of this process; port 0 takes any free one.

    The documents hold absolute addresses below `base_url`, which must be how clients reach the server: the default is
    `http://host:port`, so in a container name the service ("http://sample:8080").
    Raises: SettingsError when the port is taken; ServiceUnavailable when the SPDX lists are not installed.
    """
    return Server(sample or Sample(), host, port, base_url)


class _Documents:
    """The documents as they go over the wire: plain, gzipped on first demand, each with its ETag."""

    def __init__(self, plain: Mapping[str, bytes]) -> None:
        self._plain = plain
        self._zipped: dict[str, bytes] = {}

    def body(self, path: str, *, zipped: bool) -> tuple[bytes, bool] | None:
        """The body at `path` and whether it is gzipped; None when there is none."""
        plain = self._plain.get(path)
        if plain is None or not zipped or len(plain) < _WORTH_ZIPPING:
            return None if plain is None else (plain, False)
        if path not in self._zipped:
            self._zipped[path] = gzip.compress(plain, compresslevel=5, mtime=0)
        return self._zipped[path], True

    def etag(self, path: str) -> str:
        """A weak ETag, the same for both encodings."""
        return f'W/"0x{hashlib.blake2b(self._plain[path], digest_size=8).hexdigest().upper()}"'


class _Listener(socketserver.ThreadingTCPServer):
    """The listening socket. Its connections are kept, so that closing ends those that wait for a next request."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    documents: _Documents

    def __init__(self, host: str, port: int) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own business, and there is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Windows-Azure-Blob/1.0"
    sys_version = ""
    timeout = _IDLE_SECONDS
    # Each answer is one write, and it leaves at once.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Listener

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # A body that nobody reads must not pass for the next request.
        path = self.path.partition("?")[0]
        # A publication may fall between two lookups of one answer.
        documents = self.server.documents
        found = documents.body(path, zipped=_accepts_gzip(self.headers.get("Accept-Encoding", "")))
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, {"Content-Type": "application/xml"}, _NOT_FOUND, with_body=with_body)
            return
        body, is_zipped = found
        # Leaves never change; a page might still be open.
        cache = "public, max-age=3600" if path.startswith("/v3/catalog0/data/") else "no-store"
        etag = documents.etag(path)
        headers = {"ETag": etag, "Cache-Control": cache, "Vary": "Accept-Encoding"}
        if etag in self.headers.get("If-None-Match", ""):
            self._send(HTTPStatus.NOT_MODIFIED, headers, b"", with_body=False)
            return
        kinds = {"json": "application/json", "nuspec": "application/xml"}
        headers["Content-Type"] = kinds.get(path.rpartition(".")[2], "text/plain")
        if is_zipped:
            headers["Content-Encoding"] = "gzip"
        self._send(HTTPStatus.OK, headers, body, with_body=with_body)

    def _send(self, status: HTTPStatus, headers: Mapping[str, str], body: bytes, *, with_body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  The name is the base class's.
        """The sample is asked thousands of times in a run; nobody reads that."""


def _accepts_gzip(header: str) -> bool:
    for part in header.lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            # Only a weight of zero ("q=0.0") refuses it.
            return "=" not in weight or weight.partition("=")[2].strip(" 0.") != ""
    return False
