"""The tasks, as Flower and a Python shell name them: each is one plain function with a queue, a retry policy and a log.

    from pkgintel.tasks import scan, sync, classify, run_gate
    scan.delay()                # look for new pages now; safe beside the fleet: a second scan is skipped
    classify.delay()            # decide what is pending; nothing pending means nothing done

All may run twice, in any order, on any worker.
"""

from pkgintel.tasks.catalog import fail_scan, finish_read, finish_replay, finish_scan, read_leaves, upsert_page
from pkgintel.tasks.catalog import read_unread as read
from pkgintel.tasks.catalog import replay_pages as replay
from pkgintel.tasks.catalog import scan_catalog as scan
from pkgintel.tasks.checks import run_gate
from pkgintel.tasks.ops import upkeep
from pkgintel.tasks.spdx import sync_licenses as sync
from pkgintel.tasks.texts import fetch_host, finish_fetch
from pkgintel.tasks.texts import fetch_texts as fetch
from pkgintel.tasks.texts import match_texts as match
from pkgintel.tasks.verdicts import classify_packages as classify

__all__ = [
    "classify",
    "fail_scan",
    "fetch",
    "fetch_host",
    "finish_fetch",
    "finish_read",
    "finish_replay",
    "finish_scan",
    "match",
    "read",
    "read_leaves",
    "replay",
    "run_gate",
    "scan",
    "sync",
    "upkeep",
    "upsert_page",
]
