"""A worker process holds no more memory after a large page than before it."""

import gc
import platform
import subprocess
import sys

import celery.signals
import pytest

from pkgintel.celery import app

SCRIPT = """
import psutil
from pkgintel.runtime import memory
process = psutil.Process()
memory.give_back()
before = process.memory_info().rss
bodies = [bytes(4000) for _ in range(25_000)]
last = bytes(4000)  # Keeps the heap from shrinking by itself.
del bodies
used = process.memory_info().rss
memory.give_back()
print(used - before, process.memory_info().rss - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has to be asked")
def test_free_memory_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    kept, left = map(int, done.stdout.split())
    assert kept > 80_000_000
    assert left < 10_000_000


def test_a_worker_process_looks_for_circles_once_a_page_not_each_700_objects() -> None:
    assert app.main == "pkgintel"
    before = gc.get_threshold()
    try:
        celery.signals.worker_process_init.send(sender=None)
        assert gc.get_threshold() == (50_000, *before[1:])
    finally:
        gc.set_threshold(*before)
