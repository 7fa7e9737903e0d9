"""Messages that are no tasks, sent to a real worker by whoever can write to its broker: it lives, and they are kept.

Each is thrown into a queue as its bytes, as redis-cli could; then the worker must do its work as before, and the next
worker must not meet them again.
"""

import base64
import json
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from pkgintel.local.services import Services
from pkgintel.runtime import strays
from pkgintel.settings import Deployment
from tests.support.databases import redis_of
from tests.support.patience import quick
from tests.support.waiting import until
from tests.support.workers import Fleet

pytestmark = pytest.mark.processes

TASK = "ops.upkeep"


def letter(body: Any = ((), {}, {}), raw: bytes | None = None, **changes: Any) -> dict[str, Any]:
    """An envelope as kombu writes it around a task of ours, with `changes` made to it."""
    text = json.dumps(body).encode() if raw is None else raw
    made: dict[str, Any] = {
        "body": base64.b64encode(text).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": TASK, "id": "stray", "root_id": "stray", "parent_id": None, "group": None},
        "properties": {
            "correlation_id": "stray",
            "reply_to": "nobody",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "ops"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "stray",
        },
    }
    for path, value in changes.items():
        part, _, name = path.partition("__")
        if name:
            made[part] = {key: item for key, item in made[part].items() if key != name} | (
                {} if value is None else {name: value}
            )
        else:
            made[part.replace("_", "-") if part.startswith("content") else part] = value
    return made


NO_TASKS: dict[str, Any] = {
    "number": 1,
    "null": None,
    "text": "x",
    "list": [1],
    "empty object": {},
    "no JSON": b"\xff\xfe{",
    "half of one": b'{"body": "',
    "very deep": b"[" * 200_000,
    "no properties": letter(properties=None),
    "properties that are a list": letter(properties=[1]),
    "no tag": letter(properties__delivery_tag=None),
    "a tag that is a list": letter(properties__delivery_tag=["x"]),
    "no delivery": letter(properties__delivery_info=None),
    "delivery without key": letter(properties__delivery_info={"exchange": ""}),
    "a tag of half a character": letter(properties__delivery_tag="\ud800"),
    "a key of half a character": letter(properties__delivery_info={"exchange": "", "routing_key": "\udfff"}),
    "unknown transfer encoding": letter(properties__body_encoding="rot13"),
    "body that is no base64": letter() | {"body": "§"},
    "body that is an object": letter() | {"body": {"a": 1}},
    "headers that are a number": letter(headers=1),
    "headers that are a list": letter(headers=[1]),
    "no headers, body 1": letter(1, headers={}),
    "no headers": letter(headers={}),
    "body 1": letter(1),
    "body null": letter(None),
    "body of one": letter([1]),
    "body of odd parts": letter([1, 2, 3]),
    "body that is an object of text": letter({"args": 1}),
    "unknown content type": letter(content_type="application/data"),
    "binary": letter(content_type="application/data", content_encoding="binary", raw=b"\x00\xff"),
    "pickle": letter(content_type="application/x-python-serialize", content_encoding="binary"),
    "body that is no JSON": letter(raw=b"{"),
    "body of deep lists": letter(raw=b"[" * 200_000),
    "unknown task": letter(headers__task="no.such"),
    "task that is a list": letter(headers__task=["ops.upkeep"]),
    "no id": letter(headers__id=None),
    "id that is a list": letter(headers__id=["x"]),
    "id of half a character": letter(headers__id="\ud800"),
    "task of half a character": letter(headers__task="\ud800"),
    "odd limits": letter(headers__timelimit=["a", "b"]),
    "limits that are a number": letter(headers__timelimit=7),
    "odd time": letter(headers__eta="whenever"),
    "time that is a list": letter(headers__eta=[1]),
    "odd end": letter(headers__expires="whenever"),
    "odd count": letter(headers__retries="many"),
    "odd stamps": letter(headers__stamped_headers=5, headers__stamps=6),
    "squeezed": letter(raw=zlib.compress(b"0" * 50_000_000), headers__compression="application/x-gzip"),
    "odd squeezing": letter(headers__compression=[1]),
    "odd arguments' text": letter(headers__argsrepr=[1], headers__kwargsrepr={"a": 1}),
    "odd following tasks": letter([[], {}, {"callbacks": 1, "errbacks": 2, "chain": 3, "chord": 4}]),
    "parent of half a character": letter(headers__parent_id="\ud800", headers__root_id="\ud800"),
    "correlation of half a character": letter(properties__correlation_id="\ud800", properties__reply_to=[1]),
    "argument of half a character": letter([["\ud800"], {"kind": "\ud800"}, {}]),
    "following tasks without a name": letter(
        [[], {}, {"callbacks": [{}], "errbacks": [{"task": 1}], "chain": [{"a": 1}], "chord": {"a": 1}}]
    ),
    "limits without end": letter(headers__timelimit=[float("inf"), float("nan")]),
    "huge": letter([[], {"kind": "x" * 3_000_000}, {}]),
}


# Celery takes these for tasks: they run, perhaps fail, and are done with.
TASKS_THAT_FAIL = {
    "argument of half a character",
    "following tasks without a name",
}


class Crew(Fleet):
    """One worker of two processes for all tests here."""

    def __init__(self, stack: ExitStack, settings: Deployment, logs: Path) -> None:
        super().__init__(stack, settings, logs)
        self.log = logs / "first.log"
        self.process = self.worker("first")


@pytest.fixture(scope="module")
def crew(services: Services, shared_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_of(services))
        yield Crew(stack, quick(shared_database, redis_url), tmp_path_factory.mktemp("strays"))


def at_work(crew: Crew, broker: "redis.Redis[bytes]") -> None:
    """The worker still lives, nothing waits or comes back, and it does a task that is one."""
    result = crew.client.send_task(TASK, queue="ops")
    done = f"celery-task-meta-{result.id}"
    until(lambda: broker.exists(done), "a good task is done", 10)
    assert crew.process.poll() is None
    until(lambda: not broker.llen("ops") and not broker.hlen("unacked"), "nothing waits or is held")


@pytest.mark.parametrize("name", NO_TASKS)
def test_what_is_no_task_neither_ends_a_worker_nor_comes_back(crew: Crew, name: str) -> None:
    message = NO_TASKS[name]
    with redis.Redis.from_url(crew.settings.redis_url) as broker:
        before = strays.seen(broker).count
        broker.lpush("ops", message if isinstance(message, bytes) else json.dumps(message))
        at_work(crew, broker)
        after = strays.seen(broker)
    if name not in TASKS_THAT_FAIL:
        assert after.count == before + 1
        assert after.newest[0]["queue"] == "ops"
        assert after.newest[0]["why"]


def test_what_cannot_be_read_of_what_is_said_to_all_ends_no_worker(crew: Crew) -> None:
    number = crew.settings.redis_url.rpartition("/")[2]
    said = [1, [1], {}, letter(), letter(1), letter({"type": 1}), letter(properties=None), letter() | {"body": 1}]
    with redis.Redis.from_url(crew.settings.redis_url) as broker:
        for exchange in ("celery.pidbox", "celeryev/worker.heartbeat", "celeryev/task.sent"):
            for message in said:
                broker.publish(f"/{number}.{exchange}", json.dumps(message))
            broker.publish(f"/{number}.{exchange}", b"\xff{")
        at_work(crew, broker)
    assert "Connection to broker lost" not in crew.log.read_text()


def test_an_operator_reads_of_the_strays_and_only_the_newest_are_kept(crew: Crew) -> None:
    with redis.Redis.from_url(crew.settings.redis_url) as broker:
        before = strays.seen(broker).count
        broker.lpush("ops", *(json.dumps(f"[bold]\x1b{number}") for number in range(strays.KEPT + 20)))
        at_work(crew, broker)
        assert strays.seen(broker).count == before + strays.KEPT + 20
        assert len(strays.seen(broker).newest) == strays.KEPT
    status = json.loads(crew.tell("status", "--json").stdout)
    assert status["strays"]["count"] == before + strays.KEPT + 20
    assert status["strays"]["newest"][0]["queue"] == "ops"
    crew.conn.execute(
        "INSERT INTO ops.runs (source, action, kind, state, finished_at) VALUES "
        "('nuget', 'scan', 'manual', 'done', now())"
    )
    told = crew.tell("status").stdout
    assert f"{before + strays.KEPT + 20} messages in the queues were no task and set aside" in " ".join(told.split())
    assert "\x1b" not in told


def test_a_second_worker_reads_the_queue_of_the_first(crew: Crew) -> None:
    """What one worker left behind when it was killed is no trouble for the next."""
    with redis.Redis.from_url(crew.settings.redis_url) as broker:
        for message in NO_TASKS.values():
            broker.lpush("ops", message if isinstance(message, bytes) else json.dumps(message))
        second = crew.worker("second")
        at_work(crew, broker)
        assert second.poll() is None
