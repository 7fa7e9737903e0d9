"""A page as it is taken in: its items, and beside them those that break the shape of an item, each by itself.

One item that cannot be read never hides the others. A page whose header breaks its shape, or that is no JSON as a
whole, is no listing at all.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, TypeVar
from urllib.parse import urljoin

import pydantic_core
from pydantic import JsonValue, ValidationError

from pkgintel.errors import UpstreamChanged
from pkgintel.nuget import documents
from pkgintel.nuget.documents import Item, Page
from pkgintel.nuget.fields import (
    KINDS,
    LONGEST_ID,
    LONGEST_URL,
    LONGEST_VERSION,
    Kind,
    kind_of,
    storable,
    ticks_of,
)
from pkgintel.nuget.instant import FIRST, ticks, timestamp

Told = TypeVar("Told")

LONGEST_NUMBER = 1000  # Digits; Python refuses to write longer ones than some thousands.
MOST_ITEMS = 50_000  # Of a page; nuget.org writes 2,750.
_MEMBERS = itemgetter("@id", "@type", "commitTimeStamp", "nuget:id", "nuget:version")
_LONGEST = (LONGEST_URL, LONGEST_ID, LONGEST_VERSION)
SHOWN = 200  # Letters kept of an id or a version that is no proper one.


@dataclass(frozen=True, slots=True)
class OddItem:
    """An item that breaks its shape: the `number` of its line in the page, from 1, and what can be said of it.

    `digest` names it by its content, for its line moves when the page grows. `commit` (ticks) and `kind` are None where
    they are what is wrong.
    """

    number: int
    digest: str
    body: bytes
    error: str
    package_id: str
    version: str
    kind: Kind | None
    commit: int | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page that was read: `commit` in ticks, `count` as it says itself, `lines` as many as it really holds."""

    url: str
    commit: int
    count: int | None
    lines: int
    items: list[Item]
    odd: list[OddItem]

    @property
    def newest(self) -> int:
        """The newest commit the page names, in ticks."""
        return max([self.commit, *(item.commit for item in self.items)])


def parse(body: bytes, url: str, base: str, latest: int) -> Listing:
    """The page in `body`, which was asked for at `url` and found at `base`, the addresses of its leaves made absolute.

    An item committed after `latest` (ticks) is odd.
    Raises: UpstreamChanged when its header is not as promised, or says a time after `latest`.
    """
    found = _usual(body, latest) or _by_lines(body, url, base, latest)
    refuse_future(f"page {url}", found.commit, latest, url)
    return found


def _usual(body: bytes, latest: int) -> Listing | None:
    """The page in `body` where each line of it is as nuget.org writes it: in half of the time, and the same items.

    Of a body in ASCII that escapes nothing every text can be held, so no letter of one is looked at.
    """
    if not body.isascii() or b"\\u" in body:
        return None
    try:
        document: Any = pydantic_core.from_json(body, cache_strings="keys")
        page, lines = documents.header(document, ""), document["items"]
        items = None if len(lines) > MOST_ITEMS else _columns(lines, latest)
    except (ValueError, TypeError, LookupError, UpstreamChanged):
        return None
    return Listing(page.url, page.commit, page.count, len(items), items, []) if items else None


def _columns(lines: Sequence[Any], latest: int) -> list[Item] | None:
    """The items of `lines`, column by column; None where one is not of the usual shape."""
    columns = urls, types, stamps, ids, versions = tuple(zip(*map(_MEMBERS, lines), strict=True))
    longest = [max(map(len, column)) for column in (urls, ids, versions)]
    if (
        any(set(map(type, column)) != {str} or not all(column) for column in columns)
        or any(length > most for length, most in zip(longest, _LONGEST, strict=True))
        or not all("://" in url for url in urls)
    ):
        return None
    commits = [ticks(stamp) for stamp in stamps]
    if not FIRST < min(commits) <= max(commits) <= latest:
        return None
    return list(map(Item, urls, map(KINDS.__getitem__, types), commits, ids, versions))


def _by_lines(body: bytes, url: str, base: str, latest: int) -> Listing:
    """The page in `body`, each line of it looked at by itself. Raises: UpstreamChanged."""
    document = _document(body)
    lines = document["items"] if document else None
    if document is None or not isinstance(lines, list):
        documents.parse(Page, body, url)
        raise UpstreamChanged(f"page {url} cannot be read line by line", url)
    page = documents.header(document, url)
    _refuse_many(lines, url)
    read = [_line(number, line, base, latest) for number, line in enumerate(lines, 1)]
    return Listing(
        url=page.url,
        commit=page.commit,
        count=page.count,
        lines=len(lines),
        items=[one for one in read if isinstance(one, Item)],
        odd=list({one.digest: one for one in reversed(read) if isinstance(one, OddItem)}.values())[::-1],
    )


def _refuse_many(lines: Sequence[object], url: str) -> None:
    if len(lines) > MOST_ITEMS:
        raise UpstreamChanged(
            f"page {url} holds {len(lines):,} items, more than the {MOST_ITEMS:,} that are taken", url
        )


def refuse_future(what: str, commit: int, latest: int, url: str) -> None:
    """Raises: UpstreamChanged when `what` says that it was committed after `latest`."""
    if commit > latest:
        raise UpstreamChanged(
            f"{what} says it was committed at {timestamp(commit)}, which lies in the future: upstream is wrong, or the "
            "clock of this machine is; the watermark stays where it is",
            url,
        )


def _line(number: int, line: JsonValue, base: str, latest: int) -> Item | OddItem:
    try:
        item = Item.read(line)
        if item.commit > latest:
            return _odd(number, line, f"its commit at {timestamp(item.commit)} lies in the future", latest)
        return item if "://" in item.url else replace(item, url=urljoin(base, item.url))
    except ValidationError as error:
        return _odd(number, line, documents.breach(error), latest)
    except ValueError as error:
        return _odd(number, line, str(error), latest)


def _odd(number: int, line: JsonValue, error: str, latest: int) -> OddItem:
    """What can be said of a line that is no item."""
    body = json.dumps(line, sort_keys=True, separators=(",", ":")).encode("ascii")
    said: Mapping[str, JsonValue] = line if isinstance(line, dict) else {}
    commit = _told(ticks_of, said.get("commitTimeStamp"))
    return OddItem(
        number=number,
        digest=hashlib.sha256(body).hexdigest()[:16],
        body=body,
        error=f"item {number}: {error}",
        package_id=_shown(said.get("nuget:id")),
        version=_shown(said.get("nuget:version")),
        kind=_told(kind_of, said.get("@type")),
        commit=commit if commit is not None and commit <= latest else None,
    )


def _told(read: Callable[[JsonValue], Told], value: JsonValue) -> Told | None:
    try:
        return read(value)
    except ValueError:
        return None


def _shown(value: JsonValue) -> str:
    return str(storable(value))[:SHOWN] if isinstance(value, str) else ""


def _document(body: bytes) -> dict[str, JsonValue] | None:
    """The JSON object in `body`, also where half of a surrogate pair in it makes stricter parsers refuse all of it.

    None where it is no JSON, or no object with items.
    """
    try:
        found = json.loads(body.decode("utf-8"), parse_int=_whole)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "items" in found else None


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_NUMBER else digits
