"""How a worker takes its tasks: Celery's consumer, which sets aside what it cannot take instead of ending on it."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from celery.worker import consumer
from celery.worker.consumer.consumer import logger
from kombu.message import Message
from pydantic import JsonValue
from redis import RedisError

from pkgintel.runtime import strays

TOGETHER = 0.1  # Seconds in which events of tasks are gathered, to be sent as one message.


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """Named by `worker_consumer`. What the channel let pass has a task's form (envelope.py), but may be none of ours.

    Celery logs, rejects and reports as ever; the message is kept as a stray besides.
    """

    _together_until = 0.0  # The moment (monotonic) at which what was gathered is sent.

    def on_send_event_buffered(self) -> None:
        """Send what happens to tasks a little later, and all of it together; Celery sends each by itself."""
        if self.hub and time.monotonic() >= self._together_until:
            self._together_until = time.monotonic() + TOGETHER
            self.hub.call_later(TOGETHER, self._flush_events)

    def shutdown(self) -> None:
        """End; what happened to the last tasks is said before."""
        with suppress(RedisError, OSError):
            self._flush_events()
        super().shutdown()

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Message], None]:
        """Celery's handler of a message; whatever it trips over is the message's fault, not the worker's end."""
        take = super().create_task_handler(*args, **kwargs)

        def taken(message: Message) -> None:
            try:
                take(message)
            except (RedisError, OSError):  # The connection's trouble; kombu counts KeyError and its kin among it too.
                raise
            except Exception as error:  # noqa: BLE001 - Anything else would end the worker, and then the next one.
                self._refuse(message, f"{type(error).__name__}: {error}")

        return taken

    def _refuse(self, message: Message, why: str) -> None:
        self._set_aside(message, why)
        if not message.acknowledged:
            message.reject_log_error(logger, self.connection_errors)  # type: ignore[no-untyped-call]

    def on_unknown_task(self, body: JsonValue, message: Message, exc: Exception) -> None:
        """A task that this version does not know; whoever waits for it hears so."""
        self._set_aside(message, f"there is no task {message.headers.get('task')!r}")
        super().on_unknown_task(body, message, exc)

    def on_invalid_task(self, body: JsonValue, message: Message, exc: Exception) -> None:
        """A task whose headers or body do not fit."""
        self._set_aside(message, str(exc))
        super().on_invalid_task(body, message, exc)

    def _set_aside(self, message: Message, why: str) -> None:
        queue = str((message.delivery_info or {}).get("routing_key"))
        try:
            with message.channel.conn_or_acquire() as client:
                strays.keep(client, queue, why, message.body)
        except RedisError as error:
            logger.error("it could not be kept: %s", error)
