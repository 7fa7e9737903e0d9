"""New exceptions for a policy file: written with their guard, and only where the whole file stays a policy."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pkgintel.audit import policy
from pkgintel.audit.policy import NAME, Policy
from pkgintel.audit.report import Report
from pkgintel.errors import PackageUnknown, SettingsError
from pkgintel.text import plain


@dataclass(frozen=True, slots=True)
class Entry:
    """An exception to be written; `declares` is its guard."""

    package: str
    declares: str
    reason: str
    by: str
    until: date
    versions: str | None = None


def for_package(
    report: Report, package_id: str, reason: str, by: str, until: date, versions: str | None
) -> list[Entry]:
    """One entry for each declaration that the package has in the audit.

    Raises: PackageUnknown when the audit does not list it, SettingsError when it does not say what it declares.
    """
    found = [one for one in report.packages if policy.matches(package_id, one.package.package_id)]
    if not found:
        raise PackageUnknown(f"Nothing here requires {plain(package_id, 200)}.")
    known = [one for one in found if one.answer.declaration is not None]
    if not known:
        raise SettingsError(
            f"Nobody knows what {plain(found[0].package.label, 200)} declares ({found[0].answer.verdict}), so an "
            "exception for it would have no guard."
        )
    named = {(one.package.package_id, one.answer.declares): None for one in known}
    return [Entry(name, declares, reason, by, until, versions) for name, declares in named]


def text(entries: Iterable[Entry]) -> str:
    """The entries in TOML."""
    return "\n".join("\n".join(_lines(one)) + "\n" for one in entries)


def added(path: Path, entries: Sequence[Entry], today: date) -> tuple[str, Policy]:
    """The text of the policy file with the entries behind all else, and the policy that it then is.

    A file that does not exist yet begins with its version. Raises: SettingsError.
    """
    try:
        before = path.read_bytes().decode("utf-8-sig") if path.exists() else "version = 1\n"
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {plain(error, 200)}.") from None
    whole = before.rstrip("\n") + "\n\n" + text(entries)
    return whole, policy.parse(whole.encode(), str(path), today)


def file_for(folder: Path) -> Path:
    """The policy that is in force in a folder, else the one to begin there."""
    found = policy.find(folder)
    return found if found is not None else folder / NAME


def _lines(one: Entry) -> Iterable[str]:
    yield "[[exception]]"
    yield f"package = {_quoted(one.package)}"
    if one.versions is not None:
        yield f"versions = {_quoted(one.versions)}"
    yield f"declares = {_quoted(one.declares)}"
    yield f"reason = {_quoted(one.reason)}"
    yield f"by = {_quoted(one.by)}"
    yield f"until = {one.until.isoformat()}"


def _quoted(value: str) -> str:
    """A text as a basic string of TOML, whose escapes are those of JSON but for the one control that JSON takes."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
