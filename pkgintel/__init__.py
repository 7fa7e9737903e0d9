"""pkgintel: is this NuGet package open source, and says who?

docs/architecture.md names the packages; imports only ever point down (checked by import-linter).
"""

from pathlib import Path

__version__ = "0.1.0"

_PACKAGE = Path(__file__).resolve().parent
ROOT = _PACKAGE.parent  # Where the processes that pkgintel starts find it first, whatever else bears its name.


def carried(name: str) -> Path:
    """Where `sql`, `celeryconfig.py` or the `Procfile` lies: beside the package in a checkout, else inside it."""
    inside = _PACKAGE / name
    return inside if inside.exists() else ROOT / name
