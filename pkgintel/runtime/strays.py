"""Strays: messages that are no task of ours, set aside and counted, so that no worker meets one twice.

They lie in Redis beside the queues, the newest of them, with their beginnings; Postgres is the record of the work, and
a stray is none.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from redis import Redis

from pkgintel.nuget.instant import iso
from pkgintel.text import plain

KEPT = 100  # The newest; older ones are only counted.
BEGINNING = 2_000  # Characters kept of a message: enough to see who sent it.
LIST, COUNT = "pkgintel:strays", "pkgintel:strays:count"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Strays:
    """How many there were since Redis was last emptied, and the newest: `at` (UTC), `queue`, `why`, `message`."""

    count: int = 0
    newest: tuple[Mapping[str, str], ...] = field(default=())


def keep(broker: Redis, queue: str, why: str, message: bytes | str) -> None:
    """Set a message aside: logged first, for Redis may go away meanwhile.

    Raises: redis.RedisError.
    """
    told = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
    row = {"at": iso(datetime.now(UTC)), "queue": queue, "why": plain(why, 300), "message": plain(told, BEGINNING)}
    log.error("a message in the queue %s is no task and was set aside: %s", plain(queue, 60), row["why"])
    with broker.pipeline() as pipe:
        pipe.lpush(LIST, json.dumps(row))
        pipe.ltrim(LIST, 0, KEPT - 1)
        pipe.incr(COUNT)
        pipe.execute()


def seen(broker: Redis, most: int = KEPT) -> Strays:
    """What was set aside. Raises: redis.RedisError."""
    with broker.pipeline() as pipe:
        pipe.get(COUNT)
        pipe.lrange(LIST, 0, most - 1)
        count, rows = pipe.execute()
    return Strays(int(count or 0), tuple(json.loads(row) for row in rows))
