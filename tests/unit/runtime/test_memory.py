"""A worker process holds no more memory after a large page than before it."""

import platform
import subprocess
import sys

import pytest

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
