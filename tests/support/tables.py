"""The tables of pkgintel as the oracle writes them, and how the two differ."""

from collections.abc import Iterable
from typing import Any

from pkgintel import database
from tests.support import oracle

_VERSIONS = """
SELECT package_key, version_key, package_id, version, license_expression, license_file, license_url, project_url,
       listed, is_prerelease, created, published, deprecated, deleted_at, commit_ticks, commit_timestamp, leaf_url, raw,
       read_at
FROM raw.nuget_versions
"""
_PACKAGES = """
SELECT package_key, package_id, latest_version, license_expression, license_url, license_file, project_url, state,
       commit_ticks, commit_timestamp, raw, created
FROM raw.nuget_packages
"""


def stored(conn: database.Connection) -> tuple[dict[tuple[str, str], oracle.Row], dict[str, oracle.Row]]:
    """Both tables by their keys."""
    versions = conn.execute(_VERSIONS).fetchall()
    packages = conn.execute(_PACKAGES).fetchall()
    return (
        {(row.pop("package_key"), row.pop("version_key")): row for row in versions},
        {row.pop("package_key"): row for row in packages},
    )


def differences(conn: database.Connection, events: Iterable[oracle.Event]) -> list[Any]:
    """What is stored and should not be, or should be and is not: (key, column, stored, expected).

    Of a version that is known and unread, only what its items say is there; its package is as if all were read.
    """
    found: list[Any] = []
    (have_versions, have_packages), (want_versions, want_packages) = stored(conn), oracle.replay(events)
    pairs: list[tuple[dict[Any, oracle.Row], dict[Any, oracle.Row]]]
    pairs = [(have_versions, want_versions), (have_packages, want_packages)]
    for have, want in pairs:
        for key in have.keys() | want.keys():
            row, other = have.get(key), want.get(key)
            if row is None or other is None:
                found.append((key, "the row", row and "is there", other and "is expected"))
            else:
                names = oracle.KNOWN if "read_at" in row and row["read_at"] is None else other
                found += [(key, name, row[name], other[name]) for name in names if row[name] != other[name]]
    return found
