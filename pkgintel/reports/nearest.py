"""Stored package ids that look like one that is not stored."""

import difflib

from pkgintel import database
from pkgintel.text import plain

LONGEST_ID = 128  # nuget.org takes 100 characters at most; no longer one is looked for.
NEAR = 5
_NEAR_PER_PREFIX = 300
_EVERYTHING = 3_000  # Where no prefix helps, this many packages are compared: all of a small catalog.


def not_stored(conn: database.Connection, package_id: str, key: str) -> str:
    """The sentence for an id that is not stored, with the nearest ones that are."""
    says = f"No package {plain(package_id, LONGEST_ID)!r} is stored"
    catalog = database.one(conn, "events/name")
    if catalog is None:
        return f"{says}, for no catalog was read yet: run `pkgintel run` first."
    near = nearest(conn, key)
    hint = f"; did you mean {', '.join(near[:-1]) + ' or ' if near[1:] else ''}{near[-1]}?" if near else "."
    return f"{says} (catalog {plain(catalog['name'], 200)}){hint}"


def nearest(conn: database.Connection, key: str) -> list[str]:
    """Stored package ids that look like `key`, nearest first: from those that begin like it, by ranges of the index.

    Trigrams would find more and are an extension that not every server has.
    """
    if not key:
        return []
    starts = {key[: max(2, len(key) * part // 6)] for part in range(1, 7)} | {key[:2], key[:3], key[:4], key[1:4]}
    for prefixes, most in ((sorted(starts), _NEAR_PER_PREFIX), ([""], _EVERYTHING)):
        rows = database.every(conn, "reports/why/near", prefixes=prefixes, most=most)
        ids = {row["package_key"]: row["package_id"] for row in rows}
        if near := difflib.get_close_matches(key, ids, n=NEAR, cutoff=0.6):
            return [plain(ids[found], LONGEST_ID) for found in near]
    return []
