"""Orphans: tasks that a worker took from a queue, and that no living worker holds any more.

Redis keeps a task that was taken until it is acknowledged, and kombu gives it back after the visibility timeout, an
hour here. A worker that was killed says nothing, but those that live say what they hold, so the rest is orphaned. One
that is frozen, or cut off, looks the same; when it comes back, a task may run twice, as every task may.
"""

import json
import logging
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from kombu.connection import Connection
from redis import Redis

from pkgintel.runtime.channel import Channel

TAKEN = 5.0  # Seconds since a task was taken, before which its worker may not know of it yet.
TWICE = 8.0  # Seconds between two looks that both find a task orphaned.
MOST = 1_000  # Tasks in one look.
SEEN = "pkgintel:orphans"
SENT = "pkgintel:sent"

log = logging.getLogger(__name__)


def give_back(connection: Connection, held: Callable[[Collection[str]], Collection[str] | None]) -> int:
    """Give back to their queues the tasks that were found orphaned twice; how many.

    `held` says which of the tasks with these ids some worker holds, or None when no worker answers.
    Raises: redis.RedisError, kombu's errors of a connection.
    """
    channel = connection.default_channel
    if not isinstance(channel, Channel):
        return 0
    with channel.conn_or_acquire() as client:
        taken = _taken(client, channel.unacked_key, channel.unacked_index_key)
        known = held(taken.values()) if taken else []
        if known is None:
            return 0
        again = _seen_before(client, [tag for tag, task_id in taken.items() if task_id not in known])
        for tag in again:
            log.warning("task %s was taken by a worker that is gone, and goes back to its queue", taken[tag])
            channel.qos.restore_by_tag(tag, client)
    return len(again)


def _taken(client: Redis, messages: str, index: str) -> dict[str, str]:
    """The tasks that were taken a while ago: the id of each by its tag."""
    tags = [_text(tag) for tag in client.zrangebyscore(index, 0, time.time() - TAKEN, start=0, num=MOST)]
    found = {}
    for tag, message in zip(tags, client.hmget(messages, tags) if tags else [], strict=True):
        with suppress(ValueError, TypeError, LookupError):  # Acknowledged meanwhile, or no task.
            found[tag] = str(json.loads(_text(message))[0]["headers"]["id"])
    return found


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _seen_before(client: Redis, tags: Collection[str]) -> list[str]:
    """Those of the orphans that an earlier look had found, a while ago; all are remembered for the next one."""
    now = time.time()
    before = {_text(tag): float(at) for tag, at in client.hgetall(SEEN).items()}
    again = [tag for tag in tags if now - before.get(tag, now) >= TWICE]
    with client.pipeline() as pipe:
        pipe.delete(SEEN)
        for tag in tags:
            pipe.hset(SEEN, tag, str(before.get(tag, now)))
        pipe.expire(SEEN, 600)
        pipe.execute()
    return again


def note_sent(client: Redis) -> None:
    """Remember in Redis that tasks were sent, so that a Redis that lost them all is known by that."""
    client.set(SENT, 1)


def lost_all(client: Redis) -> bool:
    """Whether Redis has forgotten that tasks were sent. Raises: redis.RedisError."""
    return not client.exists(SENT)
