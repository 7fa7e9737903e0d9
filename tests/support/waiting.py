"""Waiting for a condition instead of for a time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def until(condition: Callable[[], Value | None], what: str = "", timeout: float = 60, pause: float = 0.05) -> Value:
    """The first true value of `condition`, asked every `pause` seconds.

    Raises: AssertionError, with `what`, after `timeout` seconds.
    """
    end, bell = time.monotonic() + timeout, threading.Event()
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        bell.wait(pause)
    return value
