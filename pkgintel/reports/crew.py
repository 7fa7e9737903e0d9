"""The crew: the workers that answer, and the tasks that wait for them. Redis is asked, and may not answer."""

from typing import Final, Literal

import redis
from pydantic import Field

from pkgintel.celery import app
from pkgintel.reports.shape import Moment, Report
from pkgintel.runtime import broker, orphans, strays
from pkgintel.settings import Deployment

UNKNOWN: Final = "unknown"  # Workers and queues, where nobody could be asked.
Unknown = Literal["unknown"]
_PROBE = "pkgintel:takes-writes"
NEWEST = 3  # Strays that a report shows.


class Worker(Report):
    """A worker that answers, and how many tasks it takes at a time."""

    name: str
    processes: int | None


class Stray(Report):
    """A message that was no task of ours: when and from which queue it was set aside, why, and its beginning."""

    at: Moment
    queue: str
    why: str
    message: str


class Strays(Report):
    """How many messages were set aside since Redis was last emptied, and the newest of them."""

    count: int = 0
    newest: tuple[Stray, ...] = ()


class Crew(Report):
    """Workers and queue lengths, and whether Redis has forgotten that it carried pages of runs, or takes no writes.

    Where they are unknown, `crew_unknown_because` is given and says why.
    """

    workers: tuple[Worker, ...] | Unknown
    queues: dict[str, int] | Unknown
    strays: Strays = Strays()
    crew_unknown_because: str | None = None
    redis_lost_all: bool = Field(False, exclude=True)
    redis_takes_no_writes: bool = Field(False, exclude=True)


NOT_ASKED = Crew(workers=UNKNOWN, queues=UNKNOWN, crew_unknown_because="not asked")


def queue_lengths(settings: Deployment, timeout: float = 1.0) -> dict[str, int]:
    """How many tasks wait in each queue.

    Raises: RedisError or OSError, within `timeout` seconds for each step, when Redis does not answer.
    """
    names = [queue.name for queue in app.conf.task_queues]
    with redis.Redis.from_url(settings.redis_url, socket_connect_timeout=timeout, socket_timeout=timeout) as client:
        pipe = client.pipeline(transaction=False)
        for name in names:
            pipe.llen(name)
        return dict(zip(names, map(int, pipe.execute()), strict=True))


def set_aside(settings: Deployment, timeout: float = 1.0) -> Strays:
    """The messages that were set aside. Raises: as `queue_lengths`."""
    with redis.Redis.from_url(settings.redis_url, socket_connect_timeout=timeout, socket_timeout=timeout) as client:
        seen = strays.seen(client, NEWEST)
    return Strays(count=seen.count, newest=tuple(Stray.model_validate(row) for row in seen.newest))


def _lost_all(settings: Deployment, timeout: float) -> bool:
    with redis.Redis.from_url(settings.redis_url, socket_connect_timeout=timeout, socket_timeout=timeout) as client:
        return orphans.lost_all(client)


def _refuses_writes(settings: Deployment, timeout: float) -> str | None:
    """Why Redis takes no writes though it answers: its disk is full, or it is a replica. None where it takes them."""
    with redis.Redis.from_url(settings.redis_url, socket_connect_timeout=timeout, socket_timeout=timeout) as client:
        try:
            client.set(_PROBE, 1, px=1000)
        except redis.ResponseError as error:
            return broker.because(settings.redis_url, error)
    return None


def ask(settings: Deployment, timeout: float = 1.0) -> Crew:
    """The workers that answer within `timeout` seconds, and the queues. Never raises."""
    try:
        queues, aside = queue_lengths(settings, timeout), set_aside(settings, timeout)
        lost_all = _lost_all(settings, timeout)
        if (refusal := _refuses_writes(settings, timeout)) is not None:
            because = f"Redis takes no writes: {refusal}"
            return Crew(workers=UNKNOWN, queues=UNKNOWN, crew_unknown_because=because, redis_takes_no_writes=True)
        answers = app.control.inspect(timeout=timeout).stats() or {}
    except Exception as error:  # noqa: BLE001  Whatever stands between us and Redis, the rest of the screen is true.
        because = f"Redis does not answer: {broker.because(settings.redis_url, error)}"
        return Crew(workers=UNKNOWN, queues=UNKNOWN, crew_unknown_because=because)
    workers = tuple(
        Worker(name=name, processes=stats.get("pool", {}).get("max-concurrency"))
        for name, stats in sorted(answers.items())
    )
    return Crew(workers=workers, queues=queues, strays=aside, redis_lost_all=lost_all)
