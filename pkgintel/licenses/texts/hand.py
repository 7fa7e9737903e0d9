"""The text at hand for a declaration: what stood at its source when, and what each text was read as. Pure.

A file inside a version, or at a commit, is that version's own. What an address answers may change: a text stands for
the time in which it was seen, from one look to the last in a row, the newest one until another is seen.
"""

from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from pkgintel.licenses.texts.status import Method, Status

SourceKind: TypeAlias = Literal["embedded", "pinned", "address"]


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoredDifference(_Stored):
    """A run of words that nothing explains."""

    missing: str
    added: str
    after: str


class StoredReading(_Stored):
    """What the reader made of a text, as it is stored."""

    status: Status
    licenses: tuple[str, ...]
    expression: str
    method: Method
    similarity: float
    differences: tuple[StoredDifference, ...]
    closed: bool
    encoding: str
    why: str


class Span(_Stored):
    """A text that looks in a row saw, from the first to the last (UTC); `asked` and `answered` are of the last."""

    sha256: str
    first_read: datetime
    last_read: datetime
    asked: str
    answered: str | None
    reading: StoredReading


class Ended(_Stored):
    """How the last look ended where no text was ever seen."""

    outcome: Literal["missing", "refused"]
    at: datetime
    asked: str
    error: str | None


class TextAtHand(_Stored):
    """What is known of one source. `stands_from`: since when the first text that was seen is taken to have stood."""

    kind: SourceKind
    reader: str
    stands_from: datetime | None
    spans: tuple[Span, ...]
    ended: Ended | None

    @property
    def is_mutable(self) -> bool:
        """Whether another text may stand there tomorrow."""
        return self.kind == "address"

    @property
    def newest(self) -> Span | None:
        """The text that was seen last."""
        return self.spans[-1] if self.spans else None

    def at(self, created: datetime | None) -> Span | None:
        """The text that stood for a version created then; without a date, the one that was seen last."""
        if not self.is_mutable or created is None:
            return self.newest
        for since, until, span in self._stood():
            if since <= created and (until is None or created < until):
                return span
        return None

    def eras(self) -> frozenset[datetime]:
        """The moments at which another text stands, or none that is known."""
        if not self.is_mutable:
            return frozenset()
        return frozenset(moment for since, until, _ in self._stood() for moment in (since, until) if moment is not None)

    def _stood(self) -> list[tuple[datetime, datetime | None, Span]]:
        """Each text with the time (since, until) for which it stands; what lies between two looks is nobody's."""
        stood = []
        for place, span in enumerate(self.spans):
            since = span.first_read
            if place == 0 and self.stands_from is not None:
                since = min(since, self.stands_from)
            stood.append((since, None if span is self.newest else max(span.last_read, since), span))
        return stood
