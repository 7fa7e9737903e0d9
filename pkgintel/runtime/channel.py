"""How a worker reads its queues in Redis: kombu's channel, where it would end the worker on what it finds there.

Whoever can write to Redis can put anything into a queue. kombu 5.7 takes it apart, and whatever it trips over
would end the worker, be restored to the queue, and end the next one.
"""

import logging
from collections.abc import Sequence
from queue import Empty
from typing import Any

import redis
from celery.app.amqp import AMQP
from kombu import connection
from kombu.asynchronous import Hub
from kombu.transport import base, virtual
from kombu.transport import redis as kombu_redis

from pkgintel.runtime import envelope, strays
from pkgintel.text import plain

log = logging.getLogger(__name__)


class Channel(kombu_redis.Channel):
    """A channel that sets aside what is no message, closes what it opened, and fails as a connection that is closed.

    Where Redis goes away at a bad moment, kombu asks a closed connection for its address: to give back what a worker
    had taken, to acknowledge what ended meanwhile. The AttributeError it meets there would end the worker.
    """

    _lasting: redis.Redis | None = None  # Holds no connection: it takes one from its pool for each command.

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise redis.ConnectionError("the connection to the broker was closed")
        return super()._connparams(*args, **kwargs)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close it, and every connection of it: kombu leaves them where Redis refuses what is said last, or is gone."""
        try:
            super().close()  # type: ignore[no-untyped-call]
        finally:
            self._disconnect_pools()  # type: ignore[no-untyped-call]
            self._close_clients()  # type: ignore[no-untyped-call]

    def _create_client(self, asynchronous: bool = False) -> Any:
        """What commands are given by. kombu makes one for each message, which costs as much as sending it."""
        if not asynchronous and self._lasting is not None and self._lasting.connection_pool is self.pool:
            return self._lasting
        client = super()._create_client(asynchronous)  # type: ignore[no-untyped-call]
        client.set_response_callback("BRPOP", self._sorted_out)
        if not asynchronous:
            self._lasting = client
        return client

    def _sorted_out(self, reply: Sequence[bytes] | None, **_: Any) -> tuple[bytes, bytes] | None:
        """What was taken from a queue, or None, as if nothing had been there, when it is no message."""
        if not reply:
            return None
        queue, item = reply
        name = queue.decode(errors="replace").partition(self.sep)[0]  # What follows is a priority.
        if why := envelope.fault(name, item):
            with self.conn_or_acquire() as client:
                strays.keep(client, name, why, item)
            return None
        return queue, item

    def _deliver_fanout_message(self, message: Any, exchange: str) -> Any:
        """Hand on what was said to all (control, events); what cannot be read is dropped, for all heard it."""
        try:
            return super()._deliver_fanout_message(message, exchange)  # type: ignore[no-untyped-call]
        except (redis.RedisError, OSError, Empty):
            raise
        except Exception as error:  # noqa: BLE001 - Whatever it is, it would end every worker at once.
            log.error("a message to all (%s) cannot be read: %r", plain(exchange, 60), error)  # noqa: TRY400
            raise Empty from None


class Transport(kombu_redis.Transport):
    """kombu's transport with our channel, of which no connection is left where Redis takes no writes."""

    Channel = Channel

    def register_with_event_loop(self, connection: virtual.Transport, loop: Hub) -> None:
        """Close what was opened where Redis refuses what kombu writes here: nobody else knows of it."""
        try:
            super().register_with_event_loop(connection, loop)  # type: ignore[no-untyped-call]
        except redis.RedisError:
            self.close_connection(connection)
            raise

    def close_connection(self, connection: virtual.Transport) -> None:
        """Close every channel, also those behind one that Redis does not let give back what it had taken."""
        try:
            super().close_connection(connection)  # type: ignore[no-untyped-call]
        except redis.RedisError:
            if self._avail_channels or self.channels:
                self.close_connection(connection)
            raise


class Connection(connection.Connection):
    """A connection over our transport. It goes by the name of its address, which Flower asks for."""

    def get_transport_cls(self) -> type[base.Transport]:
        """Ours in place of kombu's own for Redis."""
        found: type[base.Transport] = super().get_transport_cls()  # type: ignore[no-untyped-call]
        return Transport if found is kombu_redis.Transport else found


class Messages(AMQP):  # type: ignore[misc]
    """How the application of Celery connects, which leaves those of other applications alone."""

    Connection = Connection
