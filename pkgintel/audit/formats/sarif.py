"""SARIF 2.1.0, as code hosts show it beside a change: a result for each version that breaches, warns or is excepted.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/; GitHub docs "SARIF support for code scanning".
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from urllib.parse import quote

from pkgintel import __version__
from pkgintel.audit.answer import RULES as OTHER_RULES
from pkgintel.audit.formats import parts
from pkgintel.audit.formats.parts import Object
from pkgintel.audit.formats.sentence import sentence
from pkgintel.audit.package import Origin
from pkgintel.audit.report import Audited, Report
from pkgintel.licenses.verdict import RULES
from pkgintel.nuget.instant import iso

MOST_RESULTS = 25_000  # Of one run, which is all that GitHub takes.
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_HOME = "https://github.com/pkgintel/pkgintel"
_LEVELS = {"breach": "error", "warned": "warning", "excepted": "error", "baseline": "error"}


def write(report: Report) -> Iterator[str]:
    """The document as text in parts, in ASCII; breaches first."""
    found = [one for outcome in _LEVELS for one in report.decided(outcome)]
    rules = {**RULES, **OTHER_RULES}
    known = list(rules)
    has_baseline = bool(report.decided("baseline"))
    results = (_result(one, known, has_baseline) for one in found[:MOST_RESULTS])
    yield from parts.filled(_without_results(report, rules, len(found)), "results", results)


def _without_results(report: Report, rules: Mapping[str, str], found: int) -> Object:
    invocation: Object = {"executionSuccessful": True, "endTimeUtc": iso(report.generated_at)}
    if found > MOST_RESULTS:
        says = f"{found - MOST_RESULTS:,} more results are left out: a run holds {MOST_RESULTS:,}."
        invocation["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": says}}]
    driver: Object = {
        "name": "pkgintel",
        "version": __version__,
        "informationUri": _HOME,
        "rules": [_rule(name, says) for name, says in rules.items()],
    }
    run: Object = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "results": [],
        "columnKind": "unicodeCodePoints",
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str, says: str) -> Object:
    page = "verdicts.md#the-rules" if name in RULES else "audit.md"
    return {
        "id": name,
        "shortDescription": {"text": says[:1].upper() + says[1:] + "."},
        "helpUri": f"{_HOME}/blob/main/docs/{page}",
        "defaultConfiguration": {"level": "warning"},
    }


def _result(one: Audited, rules: list[str], has_baseline: bool) -> Object:
    answer, decision, package = one.answer, one.decision, one.package
    seed = "\0".join((package.package_key, answer.declares, answer.rule))
    origins = {(origin.input, origin.line): origin for origin in package.origins}
    result: Object = {
        "ruleId": answer.rule,
        "ruleIndex": rules.index(answer.rule),
        "level": _LEVELS[decision.decision],
        "message": {"text": sentence(one)},
        "locations": [_location(origin) for origin in list(origins.values())[:10]],
        # Without the version, so that a patch upgrade is the same alert.
        "partialFingerprints": {"pkgintel/v1": hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()},
        "properties": {"purl": package.purl, "verdict": answer.verdict, "decision": decision.decision},
    }
    if decision.decision == "excepted":
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": decision.says}]
    if has_baseline:
        result["baselineState"] = "unchanged" if decision.decision == "baseline" else "new"
    return result


def _location(origin: Origin) -> Object:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(origin.input), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": origin.line if origin.line is not None else 1},
        }
    }


def _uri(path: str) -> str:
    """A path as a relative reference, from where the audit ran."""
    if path == "-":
        return "stdin"
    relative = os.path.relpath(path) if PurePath(path).is_absolute() else path
    return quote(relative.replace(os.sep, "/"))
