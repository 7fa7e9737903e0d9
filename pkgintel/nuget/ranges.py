"""NuGet's version ranges: "1.0" (at least), "[1.0]" (exactly), "[1.0,2.0)", "(,2.0]".

Source: NuGet docs "Package versioning", section "Version ranges". Floating versions ("1.*") are none.
"""

import re
from dataclasses import dataclass

from pkgintel.nuget import version

_SHAPE = re.compile(r"\s*([\[(])\s*([^,\[\]()\s]*)\s*(,)?\s*([^,\[\]()\s]*)\s*([\])])\s*")


@dataclass(frozen=True, slots=True)
class VersionRange:
    """From `low` to `high` in the order of versions; None where it has no end there."""

    low: bytes | None
    high: bytes | None
    with_low: bool = True
    with_high: bool = True

    def holds(self, text: str) -> bool:
        """Whether a version lies in it. Raises: ValueError when `text` is none."""
        order = version.parse(text).order
        if self.low is not None and (order < self.low or (order == self.low and not self.with_low)):
            return False
        return self.high is None or order < self.high or (order == self.high and self.with_high)


def parse(text: str) -> VersionRange:
    """The range that `text` names. Raises: ValueError when it is none."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return VersionRange(version.parse(text).order, None)
    opened, low, comma, high, closed = match.groups()
    if comma is None:
        if high or not low or (opened, closed) != ("[", "]"):
            raise ValueError(f"{text[:80]!r} is not a NuGet version range")
        exact = version.parse(low).order
        return VersionRange(exact, exact)
    if not low and not high:
        raise ValueError(f"{text[:80]!r} is not a NuGet version range: it has neither a beginning nor an end")
    return VersionRange(
        version.parse(low).order if low else None,
        version.parse(high).order if high else None,
        with_low=opened == "[",
        with_high=closed == "]",
    )
