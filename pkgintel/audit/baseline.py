"""The breaches that were there when a solution began to be audited: only new ones fail.

Keyed by package and declaration and not by version: a patch upgrade stays quiet, a relicensing fails.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pkgintel.errors import SettingsError
from pkgintel.nuget.documents import package_key
from pkgintel.text import plain

SCHEMA = "pkgintel.baseline/1"
_MOST_BYTES = 32_000_000


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    package_id: str
    declares: str
    verdict: str


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_name: str = Field(alias="schema", pattern=r"^pkgintel\.baseline/1$")
    packages: list[_Entry]


class Baseline:
    """Which packages are known to breach, and by which declaration."""

    def __init__(self, known: Iterable[tuple[str, str]] = ()) -> None:
        self._known = frozenset((package_key(package_id), declares) for package_id, declares in known)

    def knows(self, package_id: str, declares: str) -> bool:
        """Whether a breach was there before."""
        return (package_key(package_id), declares) in self._known


def read(path: Path) -> Baseline:
    """The baseline in a file. Raises: SettingsError with one sentence."""
    try:
        with path.open("rb") as file:
            body = file.read(_MOST_BYTES)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        found = _File.model_validate_json(body)
    except ValidationError as error:
        raise SettingsError(f"{path} is no baseline of pkgintel: {plain(error.errors()[0]['msg'], 200)}.") from None
    return Baseline((one.package_id, one.declares) for one in found.packages)


def write(breaches: Iterable[tuple[str, str, str]]) -> str:
    """The text of a baseline of (package id, declaration, verdict), the same for the same breaches."""
    rows = sorted(set(breaches), key=lambda row: (package_key(row[0]), row))
    packages = [dict(zip(("package_id", "declares", "verdict"), row, strict=True)) for row in rows]
    return json.dumps({"schema": SCHEMA, "packages": packages}, indent=2) + "\n"
