"""The whole chain from what a package declares to its verdict, and what would change it."""

from typing import Any

from pkgintel import database
from pkgintel.errors import PackageUnknown, PkgintelError
from pkgintel.licenses.reasons import clean
from pkgintel.licenses.texts.hand import TextAtHand
from pkgintel.licenses.verdict import RULES, RULESET, Declaration, Judge
from pkgintel.nuget import version
from pkgintel.nuget.documents import package_key
from pkgintel.nuget.instant import iso
from pkgintel.pipeline import sync
from pkgintel.reports import changes, nearest
from pkgintel.reports.changes import Relicensing
from pkgintel.reports.explanation import (
    DeclaredLicense,
    Explanation,
    LastOpen,
    License,
    LicenseChange,
    OnList,
    VerdictChange,
)
from pkgintel.settings import Deployment
from pkgintel.text import many, plain

# What would give a declaration judged by this rule another verdict.
WOULD_CHANGE = {
    "expression-open": "Another declaration in a newer version, or an SPDX list that no longer calls these licenses "
    "approved.",
    "expression-closed": "Another declaration in a newer version, or an approval of these licenses by the OSI or the "
    "FSF.",
    "expression-undecided": "An approval by the OSI or the FSF on a newer SPDX list, or another declaration in a newer "
    "version.",
    "expression-malformed": "A valid SPDX expression in a newer version.",
    "text-not-read-yet": "Reading the file inside the package, or a license expression in a newer version.",
    "url-open": "Another declaration in a newer version, or another fact about this page in the URL table.",
    "url-closed": "Another declaration in a newer version, or another fact about this page in the URL table.",
    "url-undecided": "A license expression in a newer version, or a fact about this page in the URL table.",
    "url-not-recognised": "A license expression in a newer version; for a page whose text cannot change, a fact about "
    "it in the URL table.",
    "nothing-declared": "A license expression, file or URL in a newer version.",
    "text-open": "Another text in a newer version or at the address, or another declaration in a newer version.",
    "text-closed": "Another text in a newer version or at the address, or an approval of its licenses by the OSI or "
    "the FSF.",
    "text-undecided": "An approval by the OSI or the FSF on a newer SPDX list, or a license expression in a newer "
    "version.",
    "text-differs": "A license expression in a newer version, or a review of the words that differ.",
    "text-none": "A license expression in a newer version, or a review of the text.",
    "text-missing": "A license expression in a newer version, or the file in its place again.",
    "text-refused": "A license expression in a newer version, or a file where it may be asked for.",
    "text-of-another-time": "A license expression in a newer version, or a file at the version's own commit.",
}


def explain(
    conn: database.Connection, settings: Deployment, package_id: str, version_text: str | None = None
) -> Explanation:
    """The verdict on a package, or on one of its versions, with everything it rests on.

    A version is judged anew with the stored license list; a package answers with the verdict that is stored.
    Raises: PackageUnknown, with the nearest that is known; PkgintelError where a version cannot be judged yet.
    """
    key = package_key(clean(package_id.strip()[: nearest.LONGEST_ID]))
    with conn.transaction():
        row = database.one(conn, "reports/why/package", package_key=key) or _known(conn, key)
        if row is None:
            raise PackageUnknown(nearest.not_stored(conn, package_id, key))
        counts = database.the(conn, "reports/why/versions", package_key=key)
        judged = _package(row, counts, settings)
        if version_text is not None:
            judged = _version(conn, settings, row, counts, version_text)
        elif row["verdict"]:
            judged |= _published(conn, key, row["judged_version"])
        facts = {**_UNJUDGED, **judged}
        evidence = facts["evidence"] or {}
        relicensed = changes.of_package(conn, key)
        return Explanation(
            package_id=row["package_id"],
            state=row["state"],
            latest_version=row["latest_version"],
            project_url=row["project_url"],
            catalog=(database.one(conn, "events/name") or {"name": None})["name"],
            newest_event=row["commit_timestamp"],
            versions=counts["stored"],
            versions_deleted=counts["deleted"],
            versions_unread=counts["unread"],
            history=tuple(VerdictChange(**one) for one in database.every(conn, "reports/why/history", package_key=key)),
            license_changes=_changes(conn, "reports/why/license_changes", key),
            license_changes_by_date=_changes(conn, "reports/why/license_changes_by_date", key),
            license_id_changes=relicensed,
            last_open=_last_open(relicensed) if facts["verdict"] not in (None, "open_source") else None,
            rule_says=RULES.get(facts["rule"]),
            would_change=WOULD_CHANGE.get(facts["rule"]) or facts.pop("would_change", None),
            licenses=_licenses(conn, evidence.get("ids", [])),
            url_entry=evidence.get("entry"),
            license_text=evidence.get("text") or _beside(evidence),
            **facts,
        )


def _known(conn: database.Connection, key: str) -> database.Row | None:
    """What is known of a package that has no row, as such a row."""
    row = database.one(conn, "reports/why/known_package", package_key=key)
    return None if row is None else {**_ROWLESS, **row}


_ROWLESS: dict[str, Any] = dict.fromkeys(
    ("latest_version", "license_expression", "license_file", "license_url", "project_url", "verdict", "judged_version")
)
_UNJUDGED: dict[str, Any] = dict.fromkeys(
    ("verdict", "rule", "reason", "evidence", "judged_version", "spdx_list_version", "ruleset", "policy", "declaration")
)


def _beside(evidence: dict[str, Any]) -> dict[str, Any] | None:
    """The text of a file that was declared beside what decided."""
    return next((signal["text"] for signal in evidence.get("other_signals", []) if "text" in signal), None)


def _last_open(relicensed: tuple[Relicensing, ...]) -> LastOpen | None:
    for change in reversed(relicensed):
        if change.from_verdict == "open_source" and change.to_verdict != "open_source":
            return LastOpen(
                version=change.from_version,
                ids=change.from_ids,
                different_since=change.to_version,
                to_verdict=change.to_verdict,
                to_ids=change.to_ids,
                released_at=change.released_at,
            )
    return None


def _changes(conn: database.Connection, statement: str, key: str) -> tuple[LicenseChange, ...]:
    return tuple(LicenseChange(**row) for row in database.every(conn, statement, package_key=key))


def _declaration(expression: str | None, file: str | None, url: str | None) -> DeclaredLicense:
    return DeclaredLicense(license_expression=expression, license_file=file, license_url=url)


def _package(row: database.Row, counts: database.Row, settings: Deployment) -> dict[str, Any]:
    """What is stored about a package as a whole."""
    if row["state"] == "deleted":
        when = f", the last on {iso(counts['last_deleted'])}" if counts["last_deleted"] else ""
        return {
            "reason": f"Every version of the package was deleted{when}, so it has no verdict any more.",
            "would_change": "A version that is published again.",
        }
    if row["state"] == "unread":
        return {
            "reason": f"The package is known, and {many(counts['unread'], 'version')} of it stand unread, so it is not "
            "certain which one speaks for it.",
            "would_change": "Reading them: `pkgintel run --whole`; one alone: `pkgintel why ID --version V`.",
        }
    if row["verdict"] is None:
        return {
            "reason": "The package is stored and not judged yet.",
            "would_change": "The classifier, which follows every scan: `pkgintel run`.",
            "declaration": _declaration(row["license_expression"], row["license_file"], row["license_url"]),
        }
    names = ("verdict", "rule", "reason", "evidence", "judged_version", "spdx_list_version", "ruleset", "policy")
    return {name: row[name] for name in names} | {
        "declaration": _declaration(row["judged_expression"], row["judged_file"], row["judged_url"]),
        "classified_at": row["classified_at"],
        "pending": row["pending"] or (row["ruleset"], row["policy"]) != (RULESET, settings.license_policy),
    }


def _published(conn: database.Connection, key: str, version_text: str) -> dict[str, Any]:
    """Where the judged version's declaration can be read, and when it came."""
    row = database.one(conn, "reports/why/version", package_key=key, version_key=version.parse(version_text).key)
    return _facts(row) if row else {}


def _facts(row: database.Row) -> dict[str, Any]:
    names = ("leaf_url", "listed", "is_prerelease", "deprecated", "created", "published", "deleted_at")
    return {name: row[name] for name in names}


def _version(
    conn: database.Connection, settings: Deployment, row: database.Row, counts: database.Row, text: str
) -> dict[str, Any]:
    """One version, judged now with the stored list."""
    try:
        found = database.one(
            conn, "reports/why/version", package_key=row["package_key"], version_key=version.parse(clean(text, 200)).key
        )
    except ValueError as error:
        raise PackageUnknown(f"{plain(error)}; {row['package_id']} has {_some(counts)}.") from None
    if found is None:
        raise PackageUnknown(f"{row['package_id']} has no version {plain(text, 80)} stored; it has {_some(counts)}.")
    facts = _facts(found) | {"judged_version": found["version"], "pending": False}
    if not found["declared"]:
        return facts | {"reason": "Only the deletion of this version was ever seen, so what it declared is not known."}
    stored = sync.stored(conn)
    if stored is None:
        raise PkgintelError("The SPDX license list is empty, so nothing can be judged: run `pkgintel run` first.")
    declared = (found["license_expression"], found["license_file"], found["license_url"])
    hand = TextAtHand.model_validate(found["hand"]) if found["hand"] else None
    verdict = Judge(stored, settings.license_policy).judge(Declaration(*declared), found["created"], hand)
    return facts | {
        "verdict": verdict.verdict,
        "rule": verdict.rule,
        "reason": verdict.reason,
        "evidence": verdict.evidence.as_json(),
        "spdx_list_version": stored.version,
        "ruleset": RULESET,
        "policy": settings.license_policy,
        "declaration": _declaration(*declared),
        "classified_at": None,
    }


def _some(counts: database.Row) -> str:
    """The highest versions that are stored, for whoever asked for one that is not."""
    highest = ", ".join(plain(text, 60) for text in counts["highest"])
    more = counts["stored"] - len(counts["highest"])
    return highest + (f" and {more:,} more" if more else "")


def _licenses(conn: database.Connection, ids: list[dict[str, Any]]) -> tuple[License, ...]:
    """Each license of the evidence with what it matched, and what the stored list says of it now."""
    rows = database.every(conn, "reports/why/licenses", ids=[found["id"].lower() for found in ids]) if ids else []
    listed = {
        row["license_id"].lower(): OnList(
            name=row["name"],
            osi_approved=row["is_osi_approved"],
            fsf_libre=row["is_fsf_libre"],
            deprecated=row["is_deprecated"],
            list_version=row["list_version"],
        )
        for row in rows
    }
    return tuple(License(**found, on_list=listed.get(found["id"].lower())) for found in ids)
