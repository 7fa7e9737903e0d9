"""A policy as data, `pkgintel-policy.toml`: what passes, what is excepted until when, and why."""

import difflib
import tomllib
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from pkgintel.audit.nuget_config import upwards
from pkgintel.errors import SettingsError
from pkgintel.licenses.evidence import VerdictName
from pkgintel.nuget import ranges
from pkgintel.nuget.documents import package_key
from pkgintel.text import many, plain

NAME = "pkgintel-policy.toml"
SOON = timedelta(days=30)
_MOST_BYTES = 4_000_000
Severity: TypeAlias = Literal["fail", "warn", "pass"]


def _day(value: object) -> object:
    """A date is written with quotes or without them."""
    return date.fromisoformat(value) if isinstance(value, str) else value


Day = Annotated[date, BeforeValidator(_day)]
Line = Annotated[str, Field(min_length=1, max_length=1_000)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PolicyException(_Table):
    """A verdict that somebody accepts, for a reason and until a day (that day included).

    `declares` is what the package declared when it was accepted: for any other declaration it holds no more.
    """

    package: Line
    versions: str | None = None
    declares: str | None = None
    reason: Line
    by: Line
    until: Day

    @field_validator("versions")
    @classmethod
    def _is_range(cls, value: str | None) -> str | None:
        if value is not None:
            ranges.parse(value)
        return value

    @field_validator("package")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        if "*" in value.removesuffix("*") or value == "*":
            raise ValueError("is an id, or the beginning of ids followed by one asterisk, such as Contoso.*")
        return value

    def names(self, package_id: str, version: str | None) -> bool:
        """Whether it is about that version of a package."""
        if not matches(self.package, package_id):
            return False
        if self.versions is None:
            return True
        try:
            return version is not None and ranges.parse(self.versions).holds(version)
        except ValueError:
            return False

    def says(self) -> str:
        """What a report says of it."""
        return f"until {self.until.isoformat()} by {plain(self.by, 80)}: {plain(self.reason, 300)}"


class Policy(_Table):
    """What a solution takes. Without a file: everything has to be open source, and what is unknown is a warning."""

    version: Literal[1] = 1
    accept: tuple[VerdictName, ...] = ("open_source",)
    unknown: Severity = "warn"
    development: Literal["fail", "warn", "pass", "skip"] = "fail"
    approved_by: Literal["osi-or-fsf", "osi"] | None = None
    private: tuple[Line, ...] = ()
    allow: tuple[Line, ...] = ()
    deny: tuple[Line, ...] = ()
    longest_exception_days: int = Field(400, ge=1, le=36_500)
    exceptions: tuple[PolicyException, ...] = Field((), alias="exception")


def find(folder: Path) -> Path | None:
    """The policy of a solution: the nearest file of that name, up to the root of its git repository."""
    return next((one / NAME for one in upwards(folder.resolve()) if (one / NAME).is_file()), None)


def read(path: Path, today: date) -> Policy:
    """The policy in a file. Raises: SettingsError with one sentence that names what is wrong, and where."""
    try:
        with path.open("rb") as file:
            body = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    return parse(body, str(path), today)


def parse(body: bytes, path: str, today: date) -> Policy:
    """The policy in the TOML text `body`; `path` is how a message calls it. Raises: SettingsError."""
    if len(body) > _MOST_BYTES:
        raise SettingsError(f"{path} is larger than {_MOST_BYTES // 1_000_000} MB.")
    try:
        found = Policy.model_validate(tomllib.loads(body.decode("utf-8-sig")))
    except ValidationError as error:
        said = _first(error)
        raise SettingsError(f"{path}: {said}{'' if said.endswith('?') else '.'}") from None
    except (ValueError, RecursionError) as error:  # Of numbers with thousands of digits too.
        raise SettingsError(f"{path} is no TOML: {plain(error, 200)}.") from None
    latest = today + timedelta(days=found.longest_exception_days)
    for one in found.exceptions:
        if one.until > latest:
            days = many(found.longest_exception_days, "day")
            raise SettingsError(
                f"{path}: the exception for {plain(one.package, 100)} lasts until {one.until.isoformat()}, and none "
                f"may last longer than {days} (longest_exception_days)."
            )
    return found


def matches(pattern: str, package_id: str) -> bool:
    """Whether a pattern, an id or its beginning followed by an asterisk, names a package."""
    name, key = package_key(pattern.strip()), package_key(package_id)
    return key.startswith(name[:-1]) if name.endswith("*") else key == name


def any_matches(patterns: Iterable[str], package_id: str) -> str | None:
    """The first of some patterns that names a package."""
    return next((pattern for pattern in patterns if matches(pattern, package_id)), None)


def _first(error: ValidationError) -> str:
    """The first fault in a sentence, with the nearest name where a name is not known."""
    first = error.errors()[0]
    place = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
    if first["type"] == "extra_forbidden":
        model = PolicyException if first["loc"][0] == "exception" else Policy
        known = [field.alias or name for name, field in model.model_fields.items()]
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1, cutoff=0.5)
        return f"{plain(place, 200)} is not a name of a policy" + (f"; did you mean {near[0]}?" if near else "")
    if first["type"] == "missing":
        return f"{plain(place, 200)} is missing"
    if first["type"] in ("tuple_type", "list_type"):
        return f"{plain(place, 200)} is wrong (it is {_shown(first['input'])}): write a list, [ … ]"
    says = plain(first["msg"].removeprefix("Value error, "), 300)
    return f"{plain(place, 200)} is wrong (it is {_shown(first['input'])}): {says[:1].lower()}{says[1:]}"


def _shown(value: object) -> str:
    try:
        return plain(repr(value), 100)
    except ValueError:
        return "a number of thousands of digits"
