"""Which reader read a text: its rules by number, its tables by their content, so that a reading knows its age."""

import hashlib
from functools import cache
from pathlib import Path

# Raised whenever a change of the reader's code changes what some text is read as; its tables speak for themselves.
READER = 9
TABLES = ("library.json.xz", "reviewed.csv", "sentences.txt")


@cache
def reader_version() -> str:
    """The version of this installation's reader: "1-0123456789ab"."""
    digest = hashlib.sha256()
    for name in TABLES:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return f"{READER}-{digest.hexdigest()[:12]}"
