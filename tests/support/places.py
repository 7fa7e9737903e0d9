"""Where the files of embedded servers lie during tests: in memory where there is room."""

import shutil
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")
ROOM = 2**32  # Bytes: what the largest of the tests fills, several times over.


def quick_place() -> Path | None:
    """A directory in memory, or None where that is missing or small: then the files lie where others do.

    A new database is hundreds of files; on a disk they cost a test more than all it does with them.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM and psutil.virtual_memory().available > ROOM
    return MEMORY if roomy else None
