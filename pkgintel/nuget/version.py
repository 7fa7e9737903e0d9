"""NuGet versions: the key that names one, and the bytes that order them.

The rules are NuGet's own (NuGet.Versioning: NuGetVersion, VersionComparer): one to four numbers of 31 bits, labels
after `-` compared number before text and text without case, build metadata after `+` ignored.
"""

import re
import struct
from dataclasses import dataclass
from functools import lru_cache

_SHAPE = re.compile(
    r"(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\.(\d+))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?",
    re.ASCII,
)
_LARGEST = 2**31 - 1
_STABLE = b"\x01"
_PRERELEASE = b"\x00"


@dataclass(frozen=True, slots=True)
class Version:
    """A version as NuGet reads it: its `key`, whether it `is_prerelease`, and the bytes that `order` it.

    `order` compares as bytes just as NuGet compares versions; Postgres orders `bytea` the same way.
    """

    key: str
    is_prerelease: bool
    order: bytes


@lru_cache(maxsize=65_536)
def parse(text: str) -> Version:
    """The version that `text` names ("01.2", "1.0.0.0-Beta.2+build").

    Raises: ValueError when NuGet would not accept it as a version.
    Source: NuGet docs "Package versioning", section "Normalized version numbers".
    """
    match = _SHAPE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:80]!r} is not a NuGet version")
    numbers = [int(part or 0) for part in match.group(1, 2, 3, 4)]
    if max(numbers) > _LARGEST:
        raise ValueError(f"{text[:80]!r} is not a NuGet version: a number in it is larger than {_LARGEST}")
    labels = match[5]
    key = ".".join(map(str, numbers if numbers[3] else numbers[:3]))
    order = struct.pack(">4I", *numbers)
    if labels is None:
        return Version(key, is_prerelease=False, order=order + _STABLE)
    key = f"{key}-{labels.lower()}"
    return Version(
        key, is_prerelease=True, order=order + _PRERELEASE + b"".join(map(_label, labels.split("."))) + b"\0"
    )


def _label(label: str) -> bytes:
    """One label as bytes: numbers of 32 bits below texts, texts without case, a shorter one first."""
    digits = label.removeprefix("-")
    if digits.isdigit() and -_LARGEST - 1 <= int(label) <= _LARGEST:
        return b"\x01" + struct.pack(">I", int(label) + 2**31)
    return b"\x02" + label.upper().encode("ascii") + b"\0"
