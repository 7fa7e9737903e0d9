"""The memory of a process: what a task needed goes back to the system, and is seldom searched for circles."""

import ctypes
import functools
import gc
from collections.abc import Callable
from typing import Any

_OBJECTS = 50_000  # More than a page of 2,750 lines makes when it is read.


def give_back() -> None:
    """Let the C library return its free memory: 1 ms after a page of 2,750 leaves, 0.1 ms when there is none.

    glibc keeps what was freed below memory that is in use, 14 MB after such a page. Other systems' libraries have no
    such call, and nothing is done there. Source: malloc_trim(3).
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], Any] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):
        return None


def collect_seldom() -> None:
    """Let Python look for objects that only name each other after many thousand new ones, not after each 700.

    A page makes thousands of objects that none of them names, and looking through them took a fifth of its reading.
    """
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])
