"""Small databases made by hand: events that are taken, a license list of two, and a classification."""

import json

from pkgintel import database
from pkgintel.database import events as store
from pkgintel.licenses.spdx import LicenseList
from pkgintel.nuget import documents
from pkgintel.pipeline import sync
from pkgintel.pipeline.classify import classify
from pkgintel.settings import Settings
from tests.support.oracle import Event

EULA = "http://go.microsoft.com/fwlink/?LinkId=329770"


def license_list(version: str = "3.27.0", **approved: bool) -> LicenseList:
    """A short list: MIT, BUSL-1.1, and what `approved` adds or changes (dots and dashes are written _)."""
    known = {"MIT": True, "BUSL-1.1": False, **{name.replace("_", "-"): value for name, value in approved.items()}}
    entries = [
        {
            "licenseId": name, "name": f"{name} License", "isOsiApproved": osi, "isDeprecatedLicenseId": False,
            "reference": "", "detailsUrl": "", "referenceNumber": 1, "seeAlso": [],
        }
        for name, osi in known.items()
    ]  # fmt: skip
    return LicenseList.parse(json.dumps({"licenseListVersion": version, "licenses": entries}).encode())


def take(conn: database.Connection, *events: Event) -> None:
    """Store events, each as if it came on a page of its own."""
    for event in events:
        item = documents.Item.read(dict(event.item))
        with conn.transaction():
            store.write(conn, [documents.event(item, json.dumps(event.leaf).encode())])


def judge(conn: database.Connection, settings: Settings, found: LicenseList | None = None) -> None:
    """Store a license list and classify, as the pipeline does."""
    with conn.transaction():
        sync.rewrite(conn, found or license_list())
    classify(conn, settings)


def claim(conn: database.Connection) -> None:
    database.run(conn, "events/claim", name="sample")
