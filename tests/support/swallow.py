"""A way to Postgres that swallows what is sent over it, as a network does that is lost: both ends believe it stands."""

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

from tests.support.waiting import until


class Swallower:
    """A TCP proxy on 127.0.0.1 in front of the Postgres at `url`; its own address is `url` with its port.

    Once armed with a word, it forwards nothing more of the connection whose client sends that word, nor the word
    itself, in neither direction, and keeps both its sockets open.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        credentials = parts.netloc.rpartition("@")[0]
        self.url = parts._replace(netloc=f"{credentials}@127.0.0.1:{self._listener.getsockname()[1]}").geturl()
        self._word: bytes | None = None
        self._sockets: list[socket.socket] = [self._listener]
        self.swallowed = threading.Event()

    def __enter__(self) -> "Swallower":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def arm(self, word: bytes) -> None:
        """Swallow the next message that holds `word`, and all that would follow it on its connection."""
        self._word = word

    def lost(self) -> None:
        """Wait until something was swallowed."""
        until(self.swallowed.is_set, "something was swallowed")

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                dead = threading.Event()
                for source, target, watched in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._forward, args=(source, target, watched, dead), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, watched: bool, dead: threading.Event) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if watched and self._word is not None and self._word in data:
                    self._word = None
                    dead.set()
                    self.swallowed.set()
                if not dead.is_set():
                    target.sendall(data)
            if not dead.is_set():
                target.shutdown(socket.SHUT_WR)
