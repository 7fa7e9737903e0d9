"""What came of `pkgintel run`: its facts, with the keys of `--json`, and its exit code."""

from typing import Any

from pkgintel import database
from pkgintel.database import Row
from pkgintel.errors import PkgintelError
from pkgintel.nuget.instant import iso
from pkgintel.pipeline import checks, gate
from pkgintel.reports.follow import GOOD, Followed
from pkgintel.settings import Deployment

UNREACHABLE = ("UpstreamUnavailable", "TryLater")


def facts(conn: database.Connection, settings: Deployment, scans: Followed, licenses: Followed) -> dict[str, Any]:
    """The facts of a run: outcome, what was read, what is stored, verdicts, rules, checks, where the data is."""
    totals = database.one(conn, "reports/summary/totals") or {}
    rules = database.every(conn, "reports/summary/rules")
    names = [check.name for gate_name in checks.GATES for check in checks.of_gate(gate_name, settings)]
    read = [run for run in scans.of("nuget") if run["read_something"]]
    bad = _bad(scans, licenses)
    example = database.one(conn, "reports/summary/example")
    verdicts = dict.fromkeys(("open_source", "proprietary", "unknown"), 0)
    for rule in rules:
        verdicts[rule["verdict"]] += rule["packages"]
    return {
        "outcome": outcome(scans, licenses),
        "catalog": totals["catalog"] or settings.service_index_url,
        "watermark": iso(totals["watermark"]),
        "window": {"after": iso(read[0]["window_after"]), "up_to": iso(read[-1]["window_up_to"])} if read else None,
        "pages": sum(run["pages_total"] for run in read),
        "leaves": sum(run["leaves"] for run in read),
        "rejected": sum(run["rejected"] for run in read),
        "packages": totals["packages"],
        "deleted": totals["deleted"],
        "versions": totals["versions"],
        "verdicts": verdicts,
        "rules": {rule["rule"]: rule["packages"] for rule in rules},
        "checks": [
            {name: row[name] for name in ("name", "blocking", "passed", "value", "threshold", "message")}
            for row in database.every(conn, "checks/latest", names=[*names, *gate.blocking_names(settings)[-1:]])
        ],
        "spdx_list_version": totals["list_version"],
        "more_pages": bool(read and read[-1]["more"]),
        "error": bad["error"] if bad else None,
        "error_type": (bad["detail"] or {}).get("error_type") if bad else None,
        "runs": [run["id"] for run in (*licenses.runs, *scans.runs)],
        "database": database.place(settings.database_url),
        "home": str(settings.home),
        "example": example["package_id"] if example else None,
    }


def nothing(error: PkgintelError, seconds: float) -> dict[str, Any]:
    """The facts of a run that could not begin."""
    return {
        "outcome": "failed",
        "error": str(error),
        "error_type": type(error).__name__,
        "catalog": None,
        "watermark": None,
        "pages": 0,
        "leaves": 0,
        "rejected": 0,
        "packages": None,
        "versions": None,
        "verdicts": {},
        "checks": [],
        "seconds": seconds,
    }


def outcome(scans: Followed, licenses: Followed) -> str:
    """One word for how it went: done, caught_up, already_running, blocked or failed."""
    bad = _bad(scans, licenses)
    if bad:
        return {"skipped": "already_running", "blocked": "blocked"}.get(bad["state"], "failed")
    ran = scans.of("nuget")
    return "caught_up" if ran and all(run["state"] == "caught_up" for run in ran) else "done"


def _bad(scans: Followed, licenses: Followed) -> Row | None:
    """The run that spoilt it.

    A sync that was skipped behind somebody else's spoils nothing, nor does a classification that found a gate closed
    which the scan then opened.
    """
    found = licenses.bad()
    judged = any(run["state"] in GOOD for run in scans.of("verdicts"))
    harmless = found and (found["state"] == "skipped" or (found["source"] == "verdicts" and judged))
    return scans.bad() or (None if harmless else found)


def exit_code(result: dict[str, Any]) -> int:
    """0 done; 1 failed or blocked; 3 when what failed was that upstream cannot be reached."""
    if result["outcome"] in ("done", "caught_up", "already_running"):
        return 0
    told = f"{result['error_type']} {result['error']}"
    return 3 if any(kind in told for kind in UNREACHABLE) else 1
