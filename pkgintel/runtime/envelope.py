"""What a message must look like to be a task: kombu's envelope around a message of Celery's protocol 2, all of it JSON.

Source: https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

import base64
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from pydantic_core import from_json

LARGEST = 1_000_000  # Bytes; a task of ours names a page or a package, and with its chord has some ten thousand.
REPLIES = ".reply.celery.pidbox"  # Queues of answers to `celery inspect` end so; no tasks travel there.


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class _Delivery(_Strict):
    exchange: str
    routing_key: str


class _Properties(_Strict):
    delivery_tag: str
    delivery_info: _Delivery
    body_encoding: Literal["base64"]
    correlation_id: str | None = None
    reply_to: str | None = None


class _Envelope(_Strict):
    body: str
    content_type: Literal["application/json"] = Field(alias="content-type")
    content_encoding: Literal["utf-8"] = Field(alias="content-encoding")
    headers: dict[str, JsonValue] | None
    properties: _Properties


_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)] | None


class _Headers(_Strict):
    """Those that Celery reads; a task has more of them, for people."""

    task: str = Field(min_length=1)
    id: str = Field(min_length=1)
    root_id: str | None = None
    parent_id: str | None = None
    group: str | None = None
    group_index: int | None = None
    shadow: str | None = None
    eta: str | None = None
    expires: str | None = None
    retries: Annotated[int, Field(ge=0)] = 0
    timelimit: Annotated[list[_Seconds], Field(min_length=2, max_length=2)] | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    origin: str | None = None
    ignore_result: bool | None = None
    replaced_task_nesting: int = 0
    stamped_headers: list[str] | None = None
    stamps: dict[str, JsonValue] | None = None
    compression: None = None  # Nobody here compresses, and a small message could unfold to anything.


class _Following(_Strict):
    """The signatures of the tasks that follow this one."""

    callbacks: list[dict[str, JsonValue]] | None = None
    errbacks: list[dict[str, JsonValue]] | None = None
    chain: list[dict[str, JsonValue]] | None = None
    chord: dict[str, JsonValue] | None = None


_Arguments = tuple[list[JsonValue], dict[str, JsonValue], _Following]
_body = TypeAdapter(_Arguments, config=ConfigDict(strict=True))


def fault(queue: str, item: bytes) -> str | None:
    """Why the bytes taken from a queue are no task (or, from a queue of replies, no message); None where they are."""
    if len(item) > LARGEST:
        return f"it is larger than any task: {len(item):,} bytes"
    try:
        envelope = _Envelope.model_validate(from_json(item))
        if not queue.endswith(REPLIES):
            _Headers.model_validate(envelope.headers)
            _body.validate_json(base64.b64decode(envelope.body, validate=True))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return f"it is no task: {where + ': ' if where else ''}{first['msg']}"
    except ValueError as error:
        return f"it is no task: {error}"
    return None
