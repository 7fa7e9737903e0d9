"""The whole audit as one JSON document, `pkgintel.audit/1`; names may be added, those that are there stay."""

from collections.abc import Iterator

from pkgintel.audit.formats import parts
from pkgintel.audit.formats.parts import Object
from pkgintel.audit.manifests.requirement import Manifest
from pkgintel.audit.package import Origin
from pkgintel.audit.report import SCHEMA, Audited, LastOpen, Report
from pkgintel.nuget.instant import iso


def write(report: Report) -> Iterator[str]:
    """The document as text in parts, in ASCII."""
    yield from parts.filled(_without_packages(report), "packages", map(_package, report.packages))


def _without_packages(report: Report) -> Object:
    basis = report.basis
    return {
        "schema": SCHEMA,
        "generated_at": iso(report.generated_at),
        "basis": {
            "ruleset": basis.ruleset,
            "policy": basis.policy,
            "spdx_list_version": basis.spdx_list_version,
            "catalog": basis.catalog,
            "watermark": iso(basis.watermark),
            "source": basis.source,
            "policy_file": basis.policy_file,
            "policy_sha256": basis.policy_sha256,
        },
        "inputs": [_input(manifest) for manifest in report.inputs],
        "summary": {**report.summary},
        "packages": [],
        "remarks": [
            {"code": one.code, "package": one.package, "says": one.says, "breach": one.is_breach}
            for one in report.remarks
        ],
        "notes": [*report.notes],
        "requests": report.requests,
    }


def _input(manifest: Manifest) -> Object:
    return {
        "path": manifest.path,
        "format": manifest.format,
        "packages": manifest.packages,
        "direct": len({one.key for one in manifest.requirements if one.direct}),
        "closure": manifest.closure,
        "notes": [*manifest.notes],
    }


def _package(one: Audited) -> Object:
    package, answer, decision, last = one.package, one.answer, one.decision, one.last_open
    exception = decision.exception
    return {
        "purl": package.purl,
        "package_id": package.package_id,
        "version": package.version,
        "requested": package.requested,
        "direct": package.direct,
        "scope": package.scope,
        "from": [_origin(origin) for origin in package.origins],
        "verdict": answer.verdict,
        "rule": answer.rule,
        "reason": answer.reason,
        "license": answer.license,
        "declares": answer.declares if answer.declaration is not None else None,
        "spdx_ids": [*answer.spdx_ids],
        "evidence": answer.evidence.as_json() if answer.evidence is not None else None,
        "source": answer.source,
        "document_url": answer.document_url,
        "decision": decision.decision,
        "decided_by": decision.decided_by,
        "decision_says": decision.says,
        "exception": {
            "package": exception.package,
            "reason": exception.reason,
            "by": exception.by,
            "until": exception.until.isoformat(),
        }
        if exception is not None
        else None,
        **_last_open(last),
    }


def _last_open(last: LastOpen | None) -> Object:
    return {
        "last_open_version": last.version if last is not None else None,
        "last_open_license": last.license if last is not None else None,
        "keep_range": last.range if last is not None else None,
    }


def _origin(origin: Origin) -> Object:
    return {
        "input": origin.input,
        "framework": origin.framework,
        "direct": origin.direct,
        "path": [*origin.path],
        "line": origin.line,
    }
