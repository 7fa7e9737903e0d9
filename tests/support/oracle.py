"""The meaning of the catalog in plain Python: leaves in, tables out. Shares no code with pkgintel, on purpose.

It is slow and obvious. What the tables of pkgintel hold in the end must equal what `replay` says, however the leaves
lay on pages, in which order they came, and what broke on the way.
"""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]


def ticks(text: str) -> int:
    """100-nanosecond steps since 1970 of a timestamp; only for those that end in Z."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    since = datetime.fromisoformat(seconds + "+00:00") - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 10**7 + int((fraction + "0000000")[:7])


def at(value: int) -> datetime:
    """A time to the microsecond, the seventh digit cut off."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value // 10)


def package_key(text: str) -> str:
    """The id in lower case; the Kelvin sign, whose lower case is an ASCII k, stays itself."""
    return "\u212a".join(part.lower() for part in text.split("\u212a"))


def version_key(text: str) -> str:
    """The version as NuGet normalises it, in lower case, without metadata."""
    numbers, dash, labels = text.partition("+")[0].partition("-")
    parts = [int(part) for part in numbers.split(".")]
    parts += [0] * (4 - len(parts))
    return ".".join(map(str, parts if parts[3] else parts[:3])) + (dash + labels).lower()


def version_order(key: str) -> tuple[Any, ...]:
    """What NuGet compares of a version key: numbers, stable after prerelease, labels (numbers before texts)."""
    numbers, dash, labels = key.partition("-")
    parts = [int(part) for part in numbers.split(".")] + [0]
    told = [(0, int(one), "") if re.fullmatch("-?[0-9]+", one) else (1, 0, one.upper()) for one in labels.split(".")]
    return (parts[:4], not dash, told if dash else [])


@dataclass(frozen=True, repr=False)
class Event:
    """A leaf with the line that announced it."""

    item: Mapping[str, Any]
    leaf: Mapping[str, Any]

    def __repr__(self) -> str:
        return (
            f"{self.item['@type']} {self.item['nuget:id']} {self.item['nuget:version']} {self.item['commitTimeStamp']}"
        )

    @property
    def commit(self) -> int:
        return ticks(self.item["commitTimeStamp"])

    @property
    def url(self) -> str:
        return str(self.item["@id"])

    @property
    def is_delete(self) -> bool:
        return bool(self.item["@type"] == "nuget:PackageDelete")

    @property
    def key(self) -> tuple[str, str]:
        return package_key(self.item["nuget:id"]), version_key(self.item["nuget:version"])

    @property
    def age(self) -> tuple[int, str]:
        """Of two details, or two deletes, the one with the greater age wins."""
        return self.commit, self.url


def read(documents: Mapping[str, bytes], base: str, index: str) -> list[Event]:
    """Every event of a catalog given as documents by path; `base` is what their addresses begin with."""
    lines = {}
    for page in json.loads(documents[index])["items"]:
        for item in json.loads(documents[page["@id"].removeprefix(base)])["items"]:
            lines[item["@id"]] = item
    return [Event(item, json.loads(documents[url.removeprefix(base)])) for url, item in lines.items()]


# What is known of a version before its leaf is read: no more than the items of its newest leaves say.
KNOWN = ("package_id", "version", "is_prerelease", "deleted_at", "commit_ticks", "commit_timestamp", "leaf_url")


def certain(versions: Iterable[tuple[str, Row]], read: Collection[str]) -> bool:
    """Whether the speaker among `versions` (key, row) is certain while only those with a key in `read` were read.

    Whatever the unread ones turn out to be, listed or not, the same version speaks.
    """
    alive = [(key, row) for key, row in versions if row["deleted_at"] is None]

    def speaker(listed: bool) -> str | None:
        guessed = [(key, row if key in read else row | {"listed": listed}) for key, row in alive]
        return max(guessed, key=rank)[0] if guessed else None

    unread = [key for key, _ in alive if key not in read]
    one = speaker(listed=True)
    return not unread or (one in read and one == speaker(listed=False))


def rank(version: tuple[str, Row]) -> tuple[Any, ...]:
    """How a version (key, row) compares with others that could speak for its package: the greatest one does."""
    key, row = version
    return row["listed"], not row["is_prerelease"], version_order(key), key


def replay(events: Iterable[Event]) -> tuple[dict[tuple[str, str], Row], dict[str, Row]]:
    """The tables raw.nuget_versions and raw.nuget_packages after `events`, by their keys."""
    by_version: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        by_version[event.key].append(event)
    versions = {key: _version(found) for key, found in by_version.items()}
    by_package: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for (package, version), row in versions.items():
        by_package[package].append((version, row))
    return versions, {key: _package(rows) for key, rows in by_package.items()}


def _version(events: list[Event]) -> Row:
    details = max((event for event in events if not event.is_delete), key=lambda e: e.age, default=None)
    delete = max((event for event in events if event.is_delete), key=lambda e: e.age, default=None)
    # At one and the same tick a delete wins.
    deleted = delete is not None and (details is None or delete.commit >= details.commit)
    last = delete if deleted else details
    source = details or delete
    assert last is not None
    assert source is not None
    said = source.leaf if details else {}
    return {
        "package_id": source.leaf["id"],
        "version": source.leaf["version"],
        "license_expression": _text(said.get("licenseExpression")),
        "license_file": _text(said.get("licenseFile")),
        "license_url": _text(said.get("licenseUrl")),
        "project_url": _text(said.get("projectUrl")),
        "listed": _listed(said) if details else None,
        "is_prerelease": "-" in version_key(source.leaf["version"]),
        "created": _moment(said.get("created")),
        "published": _moment(said.get("published")),
        "deprecated": bool(said.get("deprecation")),
        "deleted_at": at(last.commit) if deleted else None,
        "commit_ticks": last.commit,
        "commit_timestamp": at(last.commit),
        "leaf_url": last.url,
        "raw": dict(source.leaf),
    }


def _package(versions: list[tuple[str, Row]]) -> Row:
    newest = max(row["commit_ticks"] for _, row in versions)
    row: Row = dict.fromkeys(
        ["latest_version", "license_expression", "license_url", "license_file", "project_url", "raw", "created"]
    )
    row |= {"state": "deleted", "commit_ticks": newest, "commit_timestamp": at(newest)}
    alive = [(key, version) for key, version in versions if version["deleted_at"] is None]
    if not alive:
        _, highest = max(versions, key=lambda found: (version_order(found[0]), found[0]))
        return row | {"package_id": highest["package_id"]}
    _, speaks = max(alive, key=rank)
    row["state"] = "listed" if speaks["listed"] else "unlisted"
    row["latest_version"] = speaks["version"]
    same = ("package_id", "license_expression", "license_url", "license_file", "project_url", "raw", "created")
    return row | {name: speaks[name] for name in same}


def _listed(leaf: Mapping[str, Any]) -> bool:
    return bool(leaf["listed"]) if "listed" in leaf else not leaf["published"].startswith("1900")


def _text(value: Any) -> str | None:
    """The first text of an array stands for it; empty is absent."""
    if isinstance(value, list):
        value = next((one for one in value if isinstance(one, str)), None)
    return value or None


def _moment(text: str | None) -> datetime | None:
    return None if text is None else at(ticks(text))
