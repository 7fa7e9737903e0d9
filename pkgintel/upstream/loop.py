"""An event loop in a thread of its own, for plain functions that wait for what is done in it."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Loop:
    """Lives until `close`, in the process that made it. `at_close` holds what closes the things that live in it."""

    def __init__(self, name: str) -> None:
        self.at_close: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._pid = os.getpid()
        self.events = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.events.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(
        self, coroutine: Coroutine[Any, Any, Result], tick: Callable[[], None] | None = None, every: float = 1.0
    ) -> Result:
        """The result of `coroutine`, run in the loop, while the calling thread waits and calls `tick` now and then.

        When the waiting thread gets an exception (a soft time limit, Ctrl-C, one of `tick`), the coroutine is
        cancelled, its end awaited, and the exception goes on its way.
        """
        if self._pid != os.getpid() or threading.current_thread() is self._thread or self.events.is_closed():
            coroutine.close()
            raise RuntimeError("a loop works for its own process, from outside of itself, until it is closed")
        started: list[asyncio.Task[Result]] = []
        ended = threading.Lock()  # A bare lock, for a signal's exception cannot leave it half taken as it can an Event.
        ended.acquire()

        def start() -> None:
            task = self.events.create_task(coroutine)
            started.append(task)
            task.add_done_callback(lambda _: ended.release())

        def stop() -> None:
            if started:
                started[0].cancel()
            else:
                coroutine.close()
                ended.release()

        try:
            self.events.call_soon_threadsafe(start)
            while not ended.acquire(timeout=every):
                if tick is not None:
                    tick()
        except BaseException:
            self.events.call_soon_threadsafe(stop)
            if not (started and started[0].done()):
                ended.acquire(timeout=10)
            raise
        return started[0].result()

    def close(self) -> None:
        """Cancel what is under way, close what lives in the loop, end it. Harmless twice and in a forked child."""
        if self._pid != os.getpid() or self.events.is_closed():
            return

        async def end() -> None:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.gather(*(closer() for closer in self.at_close), return_exceptions=True)
            await self.events.shutdown_default_executor()

        with contextlib.suppress(Exception):
            self.run(end())
        self.events.call_soon_threadsafe(self.events.stop)
        self._thread.join(10)
        if not self._thread.is_alive():
            self.events.close()
