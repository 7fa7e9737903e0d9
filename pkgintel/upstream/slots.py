"""Slots for requests in flight: what a limit is, and one that a single process keeps by itself."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Protocol


class Limit(Protocol):
    """What limits requests in flight: `enter` before each, `leave` after it."""

    @property
    def width(self) -> int:
        """The most requests that may ever be in flight at once."""

    async def enter(self) -> None:
        """Wait for a free slot. Raises: UpstreamUnavailable, ServiceUnavailable when none will come."""

    def leave(self, answered: bool | None, retry_after: float | None = None) -> None:
        """Give the slot back; `answered` says if the server did its work, None: nobody can say."""


Leasing = Callable[[str], AbstractContextManager[Limit]]  # A share of a limit, for the server of an address.


class LocalLimit:
    """A limit on requests in flight in this process alone, without Redis."""

    def __init__(self, limit: int) -> None:
        self.width = limit
        self._share = limit
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def lease(self, _url: str) -> AbstractContextManager[Limit]:
        """All of it, for every server: nobody else shares it."""
        return nullcontext(self)

    @property
    def share(self) -> int:
        """How many requests may be in flight now."""
        return self._share

    @property
    def busy(self) -> int:
        """How many requests are in flight now."""
        return self._busy

    async def enter(self) -> None:
        """Wait for a free slot, first come, first served."""
        if self._busy < self._share and not self._waiting:
            self._busy += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._lacking()
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._busy -= 1
                self._admit()
            else:
                with suppress(ValueError):
                    self._waiting.remove(turn)
            raise

    def leave(self, answered: bool | None, retry_after: float | None = None) -> None:  # noqa: ARG002 - Lease's
        """Give the slot back."""
        self._busy -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._busy < self._share:
            turn = self._waiting.popleft()
            if not turn.done():
                self._busy += 1
                turn.set_result(None)

    def _refuse(self, error: Exception) -> None:
        """Let everyone who waits go with `error`."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(error)

    def _lacking(self) -> None:
        """Called when somebody begins to wait."""
