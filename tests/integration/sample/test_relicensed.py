"""The well-known relicensings of the sample catalog are told by their licenses, wherever changes are told."""

import json

import pytest

from pkgintel import database
from pkgintel.flower.look import look
from pkgintel.flower.page import CHANGES, see
from pkgintel.licenses.spdx import LicenseList
from pkgintel.nuget import documents
from pkgintel.pipeline import classify
from pkgintel.reports import changes, totals, why
from pkgintel.sample.source import CATALOG_INDEX, SPDX_EXCEPTIONS, SPDX_LICENSES, Sample
from pkgintel.settings import Deployment
from tests.integration.flower.test_metrics import exposed, value
from tests.support import oracle
from tests.support.classified import bring, keep

BASE = "http://127.0.0.1:9"


@pytest.fixture
def sample(conn: database.Connection, settings: Deployment) -> database.Connection:
    """The first part of the sample, stored and judged without a network."""
    published = Sample(1).documents(BASE)
    keep(conn, LicenseList.parse(published[SPDX_LICENSES], published[SPDX_EXCEPTIONS]))
    events = sorted(oracle.read(published, BASE, CATALOG_INDEX), key=lambda one: one.age)
    for deletes in (False, True):
        newest = {one.key: one for one in events if one.is_delete == deletes}.values()
        read = (documents.event(documents.Item.read(one.item), json.dumps(one.leaf).encode()) for one in newest)
        bring(conn, *read)
    classify.classify(conn, settings)
    return conn


def test_what_left_open_source_is_told(sample: database.Connection, settings: Deployment) -> None:
    told = {
        (one.package_id, one.from_version, one.to_version): one.from_ids
        for one in changes.newest(sample, 10_000).changes
        if one.from_verdict == "open_source" and one.to_verdict != "open_source"
    }
    known = {
        ("AutoMapper", "14.0.0", "15.0.1"): ("MIT",),
        ("MediatR", "12.5.0", "13.0.0"): ("Apache-2.0",),
        ("FluentAssertions", "7.0.0", "8.0.0"): ("Apache-2.0",),
        ("SixLabors.ImageSharp", "2.1.11", "3.0.2"): ("Apache-2.0",),
        ("MassTransit", "8.5.2", "9.0.0"): ("Apache-2.0",),
        ("QuestPDF", "2022.6.3", "2023.4.2"): ("MIT",),
        # Open until then by the dated history of the file that they point at.
        ("EPPlus", "4.5.3.3", "5.2.1"): ("LGPL-3.0-only", "LGPL-3.0-or-later"),
        ("ServiceStack", "3.9.71", "4.0.62"): ("BSD-3-Clause",),
    }
    assert known.items() <= told.items()
    for package, before, since in known:
        last = why.explain(sample, settings, package).last_open
        assert last is not None
        assert (last.version, last.different_since) == (before, since)
    counted = {(one.kind, one.from_verdict, one.to_verdict): one.changes for one in totals.of(sample).changes}
    assert counted["license", "open_source", "unknown"] >= len(known)
    # The metric, which the alert reads, and the page tell the same changes.
    samples = exposed(look())
    for (kind, before, after), number in counted.items():
        assert value(samples, f"{kind}_changes", **{"from": before or "none", "to": after or "none"}) == number
    assert see().changes == changes.newest(sample, CHANGES).changes


def test_a_change_that_keeps_the_verdict_is_told(sample: database.Connection) -> None:
    kept = [
        one
        for one in changes.newest(sample, 10_000).changes
        if one.from_verdict == one.to_verdict == "open_source" and one.from_ids != one.to_ids
    ]
    assert len(kept) >= 10
