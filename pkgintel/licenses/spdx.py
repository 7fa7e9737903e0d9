"""The SPDX license list: its two documents as they really come, and the frozen list that the rules ask.

`licenses.json` and `exceptions.json` of spdx/license-list-data. Seen in the wild and accepted: `isFsfLibre` missing
(not judged by the FSF), `referenceNumber` as a number or a text, relative `reference`, version strings that are a
commit hash (`1ff5448`) or a `git describe`: a version is compared for equality only, never for order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, TypeAdapter, ValidationError

from pkgintel.errors import UpstreamChanged

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Document = TypeVar("Document", bound=BaseModel)
Item = TypeVar("Item", bound=BaseModel)
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.+-]{1,200}$")]


class LicenseItem(BaseModel):
    """One entry of `licenses` in licenses.json; fields the rules do not need are ignored here and kept in `raw`."""

    model_config = ConfigDict(frozen=True)

    license_id: Identifier = Field(alias="licenseId")
    name: Text
    is_osi_approved: bool = Field(alias="isOsiApproved")
    is_fsf_libre: bool | None = Field(None, alias="isFsfLibre")
    is_deprecated: bool = Field(False, alias="isDeprecatedLicenseId")
    see_also: list[str] = Field(default_factory=list, alias="seeAlso")
    reference_number: int | str | None = Field(None, alias="referenceNumber")


class ExceptionItem(BaseModel):
    """One entry of `exceptions` in exceptions.json."""

    model_config = ConfigDict(frozen=True)

    exception_id: Identifier = Field(alias="licenseExceptionId")
    name: Text
    is_deprecated: bool = Field(False, alias="isDeprecatedLicenseId")


class LicensesDocument(BaseModel):
    """licenses.json."""

    version: Text = Field(alias="licenseListVersion")
    release_date: str | None = Field(None, alias="releaseDate")
    licenses: list[dict[str, JsonValue]] = Field(min_length=1)


class ExceptionsDocument(BaseModel):
    """exceptions.json."""

    version: Text = Field(alias="licenseListVersion")
    exceptions: list[dict[str, JsonValue]]


_LICENSE_ITEMS = TypeAdapter(list[LicenseItem])
_EXCEPTION_ITEMS = TypeAdapter(list[ExceptionItem])


@dataclass(frozen=True, slots=True)
class License:
    """One license. `is_fsf_libre` is None where the FSF has not judged it; `raw` is the entry as received."""

    license_id: str
    name: str
    is_osi_approved: bool
    is_fsf_libre: bool | None
    is_deprecated: bool
    see_also: tuple[str, ...]
    raw: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class LicenseException:
    """One exception that may follow `WITH`."""

    exception_id: str
    name: str
    is_deprecated: bool
    raw: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, eq=False)
class LicenseList:
    """One version of the list. `licenses` and `exceptions` are keyed by the id in lower case."""

    version: str
    licenses: Mapping[str, License]
    exceptions: Mapping[str, LicenseException]

    @classmethod
    def parse(cls, licenses_json: bytes, exceptions_json: bytes | None = None) -> "LicenseList":
        """The list from the two documents as downloaded; without the second one no exception is known.

        Raises: UpstreamChanged when a document does not have the promised shape, or holds an id twice.
        """
        document = _read(LicensesDocument, licenses_json, "licenses.json")
        licenses = _items(_LICENSE_ITEMS, document.licenses, "licenses.json", "licenseId")
        exceptions: list[ExceptionItem] = []
        raw_exceptions: list[dict[str, JsonValue]] = []
        if exceptions_json is not None:
            raw_exceptions = _read(ExceptionsDocument, exceptions_json, "exceptions.json").exceptions
            exceptions = _items(_EXCEPTION_ITEMS, raw_exceptions, "exceptions.json", "licenseExceptionId")
        return cls.of(
            document.version,
            [
                License(
                    item.license_id,
                    item.name,
                    item.is_osi_approved,
                    item.is_fsf_libre,
                    item.is_deprecated,
                    tuple(item.see_also),
                    raw,
                )
                for item, raw in zip(licenses, document.licenses, strict=True)
            ],
            [
                LicenseException(item.exception_id, item.name, item.is_deprecated, raw)
                for item, raw in zip(exceptions, raw_exceptions, strict=True)
            ],
        )

    @classmethod
    def of(
        cls, version: str, licenses: Iterable[License], exceptions: Iterable[LicenseException] = ()
    ) -> "LicenseList":
        """The list from its rows (as stored in `raw.spdx_licenses` and `raw.spdx_exceptions`).

        Raises: UpstreamChanged for an empty version, no license at all, or an id given twice in any case.
        """
        if not version.strip():
            raise UpstreamChanged("The SPDX license list has an empty version.")
        by_id: dict[str, License] = {}
        for license_ in licenses:
            if by_id.setdefault(license_.license_id.lower(), license_) is not license_:
                raise UpstreamChanged(f"SPDX list {version} holds the license {license_.license_id} twice.")
        if not by_id:
            raise UpstreamChanged(f"SPDX list {version} holds no license.")
        exceptions_by_id: dict[str, LicenseException] = {}
        for exception in exceptions:
            if exceptions_by_id.setdefault(exception.exception_id.lower(), exception) is not exception:
                raise UpstreamChanged(f"SPDX list {version} holds the exception {exception.exception_id} twice.")
        return cls(version, by_id, exceptions_by_id)

    def license(self, license_id: str) -> License | None:
        """The license with this id in any case, or None."""
        return self.licenses.get(license_id.lower())

    def exception(self, exception_id: str) -> LicenseException | None:
        """The exception with this id in any case, or None."""
        return self.exceptions.get(exception_id.lower())


def _read(shape: type[Document], body: bytes, name: str) -> Document:
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        raise UpstreamChanged(f"The SPDX document {name} does not have the promised shape: {_first(error)}.") from None


def _items(shape: TypeAdapter[list[Item]], rows: list[dict[str, JsonValue]], name: str, key: str) -> list[Item]:
    try:
        return shape.validate_python(rows)
    except ValidationError as error:
        index = error.errors()[0]["loc"][0]
        who = rows[index].get(key) if isinstance(index, int) else None
        raise UpstreamChanged(f"The SPDX document {name} breaks at {str(who)[:80]!r}: {_first(error)}.") from None


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
