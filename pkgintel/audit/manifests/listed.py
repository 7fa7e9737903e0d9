"""Plain lists: a package URL, or an id and a version, on each line; or CSV with the columns package_id and version."""

import csv
import io
import re

from pkgintel.audit.manifests import content, purl
from pkgintel.audit.manifests.requirement import LONGEST_TEXT, Manifest, Requirement, of_other_ecosystems, skipped
from pkgintel.errors import ManifestUnreadable
from pkgintel.text import plain

MOST_LINES = 100_000
_ID_AND_VERSION = re.compile(r"([\w.-]{1,400})[\s,;@:]+([0-9][0-9A-Za-z.+-]{0,400})")
_IDS = ("package_id", "packageid", "package", "id", "name")
_VERSIONS = ("version", "resolved", "package_version", "packageversion")


def read(body: bytes) -> Manifest:
    """The packages of a list; `#` begins a comment. Raises: ManifestUnreadable, where a line is no package."""
    shown = content.text(body)
    if shown.count("\n") > MOST_LINES:
        raise ManifestUnreadable(f"it has more than {MOST_LINES:,} lines")
    first = shown.partition("\n")[0].lower()
    if "," in first and not first.lstrip().startswith(("pkg:", "#")) and any(name in first for name in _IDS):
        return _table(shown)
    requirements: list[Requirement] = []
    others: list[str] = []
    for number, line in enumerate(shown.split("\n"), 1):
        entry = line.split(" #")[0].strip().strip('"')
        if not entry or entry.startswith("#"):
            continue
        found = _entry(entry, number)
        if found.kind == "nuget":
            requirements.append(Requirement(found.name, found.version, line=number))
        else:
            others.append(found.kind)
    return Manifest("", "purls", "full", tuple(requirements), of_other_ecosystems(others))


def _entry(entry: str, number: int) -> purl.Purl:
    found = purl.read(entry)
    match = _ID_AND_VERSION.fullmatch(entry) if found is None else None
    if match:
        found = purl.Purl("nuget", match[1], match[2])
    if found is None:
        shown = plain(entry, 80)
        raise ManifestUnreadable(f"line {number:,} is neither a package URL nor an id and a version: {shown}")
    return found


def _table(shown: str) -> Manifest:
    reader = csv.DictReader(io.StringIO(shown, newline=""), strict=True)
    requirements, odd = [], []
    try:
        columns = {name.strip().lower().lstrip("\ufeff"): name for name in reader.fieldnames or () if name}
        id_column = next((columns[name] for name in _IDS if name in columns), None)
        version_column = next((columns[name] for name in _VERSIONS if name in columns), None)
        if id_column is None or version_column is None:
            raise ManifestUnreadable("its first line names no columns package_id and version")
        for row in reader:
            package_id, resolved = content.said(row[id_column]), content.said(row[version_column])
            if package_id is None or resolved is None or max(len(package_id), len(resolved)) > LONGEST_TEXT:
                odd.append(f"line {reader.line_num:,}")
            else:
                requirements.append(Requirement(package_id, resolved, line=reader.line_num))
    except csv.Error as error:
        raise ManifestUnreadable(f"line {reader.line_num:,} is no CSV: {error}") from None
    return Manifest("", "purls", "full", tuple(requirements), skipped("without a package id and version", odd))
