"""The evidence of a verdict as a type: which signal spoke, and what was found of it. What was not found is left out.

It is kept as JSON for people to look into; field names, and their order, are those of `why --json`.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from pydantic import JsonValue

VerdictName: TypeAlias = Literal["open_source", "proprietary", "unknown"]
VERDICT_NAMES: tuple[VerdictName, ...] = get_args(VerdictName)
Signal: TypeAlias = Literal["expression", "url", "file", "none"]
_OTHER_NAMES = {"since": "from"}  # A word that Python keeps for itself.


@dataclass(frozen=True, slots=True)
class _Part:
    def as_json(self) -> dict[str, JsonValue]:
        """The part as JSON keeps it, without what is None."""
        said: dict[str, JsonValue] = {}
        for name in self.__dataclass_fields__:  # What `fields` would look for anew each time; most are None.
            value = getattr(self, name)
            if value is not None:
                said[_OTHER_NAMES.get(name, name)] = _json(value)
        return said


def _json(value: "str | float | _Part | tuple[str | _Part, ...]") -> JsonValue:
    if isinstance(value, tuple):
        return [_json(one) for one in value]
    return value.as_json() if isinstance(value, _Part) else value


@dataclass(frozen=True, slots=True)
class LicenseEvidence(_Part):
    """What one license of a declaration means, and what it matched to mean it (see `meaning.Finding`)."""

    id: str
    means: str
    matched: tuple[str, ...]
    or_later: Literal[True] | None = None
    exception: str | None = None
    through: str | None = None
    remark: str | None = None
    witnesses: tuple[str, ...] | None = None
    clause: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryEvidence(_Part):
    """The revisions of a repository's file that were read: how many, and the first and the last commit of them."""

    repository: str
    file: str
    ref: str
    revisions: int
    commits: tuple[str, ...]
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class PageEvidence(_Part):
    """A row of the URL table: what a page says, from which day to which, and by which source."""

    page: str | None = None
    licenses: tuple[str, ...] | None = None
    means: str | None = None
    nature: str | None = None
    since: str | None = None
    until: str | None = None
    source: str | None = None
    date: str | None = None
    note: str | None = None
    history: HistoryEvidence | None = None


@dataclass(frozen=True, slots=True)
class DifferenceEvidence(_Part):
    """A run of words in which a text differs from its license: what is missing, what was added, and behind what."""

    missing: str
    added: str
    after: str


@dataclass(frozen=True, slots=True)
class TextEvidence(_Part):
    """A text that was read: which license it is, how that was found, and where and when it was read (UTC).

    `status` is the reader's word, or why there is no text. `kind` and `mutable` say whether another text may stand at
    the address; where one does that is not this version's, `now` is its digest, read at `now_read`.
    """

    kind: str
    sha256: str | None = None
    status: str | None = None
    license: str | None = None
    method: str | None = None
    similarity: float | None = None
    differences: tuple[DifferenceEvidence, ...] | None = None
    asked: str | None = None
    answered: str | None = None
    first_read: str | None = None
    read_at: str | None = None
    mutable: bool | None = None
    reader: str | None = None
    now: str | None = None
    now_read: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class OtherSignal(_Part):
    """A signal beside the one that decided; `contradicts` where it alone would have led to another verdict."""

    signal: Signal
    file: str | None = None
    url: str | None = None
    text: TextEvidence | None = None
    says: str | None = None
    by: str | None = None
    contradicts: Literal[True] | None = None


@dataclass(frozen=True, slots=True)
class Evidence(_Part):
    """What a verdict rests on."""

    signal: Signal
    file: str | None = None
    url: str | None = None
    kind: str | None = None
    entries: tuple[PageEvidence, ...] | None = None
    entry: PageEvidence | None = None
    expression_from: str | None = None
    expression: str | None = None
    tree: str | None = None
    ids: tuple[LicenseEvidence, ...] | None = None
    ids_not_shown: int | None = None
    remarks: tuple[str, ...] | None = None
    text: TextEvidence | None = None
    other_signals: tuple[OtherSignal, ...] | None = None
