"""What a classification needs, without a catalog: a license list of a few licenses, and events as pages bring them."""

import json
from collections.abc import Iterable
from typing import Any

from pkgintel import database as db
from pkgintel.database import events as store
from pkgintel.licenses.spdx import LicenseList
from pkgintel.nuget import documents, instant
from pkgintel.nuget.documents import Event
from pkgintel.pipeline import sync


def small_list(
    version: str, *, open_ids: Iterable[str] = ("MIT", "Apache-2.0"), other: Iterable[str] = ()
) -> LicenseList:
    """A list of a few licenses, filled up to the floor of its gate."""
    ids = [*open_ids, *(f"Filler-{number}" for number in range(110))]
    rows = [(one, True) for one in ids] + [(one, False) for one in other]
    document = {
        "licenseListVersion": version,
        "licenses": [{"licenseId": one, "name": one, "isOsiApproved": osi, "seeAlso": []} for one, osi in rows],
    }
    return LicenseList.parse(json.dumps(document).encode())


def leaf(package: str, version: str = "1.0.0", commit: int = 1, **said: Any) -> Event:
    """An event as a page brings it."""
    kind = "delete" if said.pop("deleted", False) else "details"
    url = f"http://127.0.0.1:9/{package.lower()}.{version}.{commit}.json"
    stamp = instant.timestamp(instant.ticks("2024-05-01T00:00:00Z") + commit)
    body = {
        "@id": url,
        "@type": "PackageDelete" if kind == "delete" else "PackageDetails",
        "id": package,
        "version": version,
        "listed": True,
        "catalog:commitTimeStamp": stamp,
        **said,
    }
    item = documents.Item.read(
        {
            "@id": url,
            "@type": f"nuget:{body['@type']}",
            "commitTimeStamp": stamp,
            "nuget:id": package,
            "nuget:version": version,
        }
    )
    return documents.event(item, json.dumps(body).encode())


def bring(conn: db.Connection, *events: Event) -> None:
    """Store events as a page does."""
    with conn.transaction():
        store.write(conn, list(events))


def keep(conn: db.Connection, found: LicenseList) -> None:
    """Make `found` the stored list."""
    with conn.transaction():
        sync.rewrite(conn, found)


def verdicts(conn: db.Connection) -> dict[str, db.Row]:
    """The verdict rows by package key, with where each row lies in its table."""
    rows = conn.execute("SELECT *, ctid::text AS place FROM enriched.nuget_package_oss_status").fetchall()
    return {row["package_key"]: row for row in rows}


def decided(before: dict[str, db.Row], after: dict[str, db.Row]) -> set[str]:
    """The packages decided anew between two looks."""
    return {
        key
        for key in before | after
        if before.get(key, {}).get("classified_at") != after.get(key, {}).get("classified_at")
    }
