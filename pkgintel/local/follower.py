"""The follower of a home: the `pkgintel up` that runs over it, and the catalog that it follows.

It holds a lock while it runs, however it ends, and writes the catalog into the locked file. The other commands that
name no catalog mean that one, whatever was used since.
"""

import os
from pathlib import Path

from pkgintel.local.server import lock

LOCK = "up.lock"


def begin(home: Path, catalog: str) -> bool:
    """Follow `catalog` from now on until this process ends; False where another follower runs. Raises: OSError."""
    descriptor = lock(home / LOCK)
    if descriptor is None:
        return False
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, catalog.encode(), 0)
    return True  # The descriptor stays open, and with it the lock.


def catalog(home: Path) -> str | None:
    """The catalog that is followed now; None where none is, or where that cannot be seen."""
    path = home / LOCK
    try:
        descriptor = lock(path) if path.exists() else None
        if descriptor is not None:
            os.close(descriptor)
            return None
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None
