"""The documents of the NuGet catalog as types: index, page, item, leaf; and how it names packages.

Nothing here knows a network, a database or a clock. Each document is parsed once, at the door; what breaks the promised
shape raises `UpstreamChanged` with the place that broke it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import pydantic.dataclasses
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    JsonValue,
    StrictBool,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from pkgintel.errors import UpstreamChanged
from pkgintel.nuget import version
from pkgintel.nuget.fields import (
    Count,
    Declared,
    ItemText,
    ItemVersion,
    Kind,
    KindOfType,
    Moment,
    OptionalText,
    Said,
    Text,
    Ticks,
    Url,
    VersionText,
    storable_json,
)
from pkgintel.nuget.instant import timestamp

KELVIN_SIGN = "\u212a"
BOM = b"\xef\xbb\xbf"  # Some writers begin UTF-8 with it; neither pydantic nor Postgres takes it for JSON.


def package_key(package_id: str) -> str:
    """The id lower-cased letter by letter; U+212A stays itself, for it names another package than its ASCII twin.

    Source: NuGet/Insights, CatalogDataToCsv_WithKelvinK (a fake "AWSSDK.Core" that lower-casing would merge).
    """
    if package_id.isascii():
        return package_id.lower()
    return "".join(
        letter if letter == KELVIN_SIGN or len(letter.lower()) > 1 else letter.lower() for letter in package_id
    )


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


@dataclass(frozen=True, slots=True)
class PageEntry:
    """A page's line in the index: its address, the newest commit the index knows of it, and how many items.

    nuget.org's index has more than twenty thousand, and as models they take four times the memory.
    """

    url: Annotated[Url, Field(alias="@id")]
    commit: Annotated[Ticks, Field(alias="commitTimeStamp")]
    count: Count = None


class Index(_Document):
    """The catalog index. Its `pages` come in no promised order; `kinds` is its @type, `count` how many it promises."""

    kinds: Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)] = Field(
        default_factory=list, alias="@type"
    )
    commit: Ticks = Field(alias="commitTimeStamp")
    count: Count = None
    pages: Annotated[list[PageEntry], FailFast()] = Field(alias="items")


@dataclass(slots=True)
class Item:
    """A leaf's line in a page: which event, of which package version, committed when.

    A page makes thousands of these at once, and frozen ones take four times as long.
    """

    url: Annotated[Url, Field(alias="@id")]
    kind: Annotated[KindOfType, Field(alias="@type")]
    commit: Annotated[Ticks, Field(alias="commitTimeStamp")]
    package_id: Annotated[ItemText, Field(alias="nuget:id")]
    version: Annotated[ItemVersion, Field(alias="nuget:version")]

    @classmethod
    def read(cls, line: JsonValue) -> "Item":
        """The item of a page's `line`. Raises: ValueError (pydantic's ValidationError) where it breaks its shape."""
        return _ITEM.validate_python(line)


_ITEM = TypeAdapter(Item)


class Page(_Document):
    """A page of the catalog. Its `items` come in no promised order, and may repeat those of another page."""

    url: Url = Field(alias="@id")
    commit: Ticks = Field(alias="commitTimeStamp")
    count: Count = None
    items: Annotated[list[Item], FailFast()]


@pydantic.dataclasses.dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="ignore"))
class Leaf:
    """What pkgintel reads of a leaf; the whole of it is stored as received beside these.

    A delete has no declaration. `listed` is absent on the oldest leaves; the year 1900 then says unlisted. A page holds
    thousands of these at once, and one with slots takes a third of the memory of a model.
    """

    kind: KindOfType = Field(alias="@type")
    commit: Ticks | None = Field(None, alias="catalog:commitTimeStamp")
    package_id: Text = Field(alias="id")
    original_id: OptionalText = Field(None, alias="originalId")
    version: VersionText
    listed: StrictBool | None = None
    published: Moment = None
    created: Moment = None
    license_expression: Declared = Field(None, alias="licenseExpression")
    license_file: Declared = Field(None, alias="licenseFile")
    license_url: Declared = Field(None, alias="licenseUrl")
    project_url: OptionalText = Field(None, alias="projectUrl")
    deprecation: Said = False

    @model_validator(mode="after")
    def _listing_is_known(self) -> "Leaf":
        if self.kind == "details" and self.listed is None and self.published is None:
            raise ValueError("neither listed nor published is there, so nothing says whether it is listed")
        return self

    @property
    def is_listed(self) -> bool:
        """Whether search shows the version.

        Source: NuGet/Home issue 6435 (published in 1900 means unlisted, where `listed` is absent).
        """
        if self.listed is not None:
            return self.listed
        return self.published is not None and self.published.year != 1900


LEAF = TypeAdapter(Leaf)

AnyDocument = TypeVar("AnyDocument", bound=_Document)


def parse(kind: type[AnyDocument], body: bytes, url: str) -> AnyDocument:
    """The document in `body`, which came from `url`.

    Raises: UpstreamChanged that names the address, the place in the document and what is wrong there.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise UpstreamChanged(f"{kind.__name__.lower()} {url} is not as promised: {breach(error)}", url) from None


def header(document: dict[str, JsonValue], url: str) -> Page:
    """The page of a JSON `document`, without its items. Raises: UpstreamChanged."""
    try:
        return Page.model_validate(document | {"items": []})
    except ValidationError as error:
        raise UpstreamChanged(f"page {url} is not as promised: {breach(error)}", url) from None


def breach(error: ValidationError) -> str:
    """What pydantic found first, as one short sentence: where and what."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place + ': ' if place else ''}{first['msg'].removeprefix('Value error, ')}{more}"[:500]


@dataclass(frozen=True, slots=True)
class Event:
    """One leaf with its item: a package version was published or edited, or it was deleted.

    `body` is the leaf as received. Keys are made here and nowhere else.
    """

    package_key: str
    version_key: str
    order: bytes
    is_prerelease: bool
    url: str
    commit: int
    leaf: Leaf
    body: bytes


def event(item: Item, body: bytes) -> Event:
    """The event that `item` announced, read from the `body` of its leaf.

    Raises: ValueError (pydantic's ValidationError is one) when the leaf breaks its shape, names no NuGet version, or is
    not the leaf its item announced.
    """
    leaf = _leaf(body)
    announced, found = version.parse(item.version), version.parse(leaf.version)
    keys = {package_key(leaf.package_id)} | ({package_key(leaf.original_id)} if leaf.original_id else set())
    if leaf.kind != item.kind:
        raise ValueError(f"the page announced a {item.kind} leaf, but this is a {leaf.kind} leaf")
    if package_key(item.package_id) not in keys or announced.key != found.key:
        told, is_of = f"{item.package_id} {item.version}", f"{leaf.package_id} {leaf.version}"
        raise ValueError(f"the page announced {told[:160]}, but this is a leaf of {is_of[:160]}")
    if leaf.commit is not None and leaf.commit != item.commit:
        raise ValueError(
            f"the page says it was committed at {timestamp(item.commit)}, the leaf itself {timestamp(leaf.commit)}"
        )
    return Event(
        package_key=package_key(item.package_id),
        version_key=announced.key,
        order=announced.order,
        is_prerelease=announced.is_prerelease,
        url=item.url,
        commit=item.commit,
        leaf=leaf,
        body=body,
    )


def _leaf(body: bytes) -> Leaf:
    """The leaf in `body`. Half of a surrogate pair in a text (a cut emoji), which the parser refuses, is replaced."""
    try:
        return LEAF.validate_json(body)
    except ValidationError as error:
        broken = error.errors(include_input=False, include_url=False)[0]["type"] == "json_invalid"
        if not broken or b"\\ud" not in body.lower():
            raise
    return LEAF.validate_json(storable_json(body))


def newest(items: Iterable[Item]) -> list[Item]:
    """The items that can still matter, oldest first: of each package version its newest details and its newest delete.

    Both are kept because a deleted version keeps what was last known of it. At equal commits the greater address wins.
    An item whose version NuGet would not read stands for itself: its leaf will be rejected, not passed over.
    """
    best: dict[tuple[str, str, Kind], Item] = {}
    for item in items:
        try:
            version_key = version.parse(item.version).key
        except ValueError:
            version_key = f"?{item.url}"
        key = (package_key(item.package_id), version_key, item.kind)
        if key not in best or (best[key].commit, best[key].url) < (item.commit, item.url):
            best[key] = item
    return sorted(best.values(), key=lambda item: (item.commit, item.url))
