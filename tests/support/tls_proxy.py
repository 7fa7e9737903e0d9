"""TLS in front of a server that speaks none, as a managed Redis has it: a proxy in a thread of its own."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support import secured


@contextmanager
def tls_proxy(folder: Path, port: int) -> Iterator[tuple[int, Path]]:
    """The port at localhost that speaks TLS for `port` of 127.0.0.1, and the authority that signed its certificate."""
    ca = secured.authority(folder, "ca")
    secured.certify(folder, ca, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), [0]

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            while piece := await reader.read(65_536):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, forth), carry(back, writer))

    async def begin() -> None:
        server = await asyncio.start_server(serve, "localhost", 0, ssl=context)
        found[0] = server.sockets[0].getsockname()[1]
        ready.set()

    def run() -> None:
        beginning = loop.create_task(begin())
        loop.run_forever()
        left = asyncio.all_tasks(loop) - {beginning}
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run, name="tls", daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0], ca
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
