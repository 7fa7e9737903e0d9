"""License files inside the versions of an audit, read within a time budget.

Those of versions that the catalog brought are stored, read and let through as any other. Those of versions that were
looked up stand apart with them, and are read by this audit alone where there is no database.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from pkgintel.audit.answer import Answer
from pkgintel.audit.lookup import Lookup
from pkgintel.audit.place import Place
from pkgintel.audit.store import Key, SeenText, Store
from pkgintel.errors import UpstreamError, UpstreamUnavailable
from pkgintel.licenses.texts.hand import Ended, Span, StoredReading, TextAtHand
from pkgintel.licenses.texts.version import reader_version
from pkgintel.text import many

if TYPE_CHECKING:
    from pkgintel.pipeline.text_sources import VersionSource
    from pkgintel.upstream.feeds import Found

SECONDS = 60.0
_BATCH = 50  # Asked for and kept together.
NOT_READ = "text-not-read-yet"
One = TypeVar("One")


@dataclass
class Texts:
    """The license files of one audit. `seconds` is for asking and reading; `now` is when they count as seen."""

    lookup: Lookup
    place: Place
    now: datetime
    asks: bool
    seconds: float = SECONDS
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._until = time.monotonic() + self.seconds
        self._readings: dict[str, StoredReading] = {}
        self._failures: list[UpstreamError] = []
        self._held: tuple[str, ...] = ()
        self._names: dict[Key, str | None] = {}

    def better(self, answers: Mapping[Key, Answer]) -> dict[Key, Answer]:
        """The answers that are others now that a license file is read."""
        unread = {key: one for key, one in answers.items() if one.rule == NOT_READ and one.declaration is not None}
        brought = [key for key, one in unread.items() if one.source == "database"]
        looked_up = [key for key, one in unread.items() if one.source == "nuspec"]
        self._names = {key: one.declaration.file for key, one in unread.items() if one.declaration is not None}
        store = self.lookup.store
        seen = store.texts(self.lookup.source, looked_up) if store is not None and looked_up else {}
        if self.asks and unread:
            asked = self._asked(store, [key for key in looked_up if key not in seen])
            if store is not None:
                self._store(store, asked, brought)
                asked |= store.texts(self.lookup.source, list(asked))
            seen |= asked
        found = self.lookup.stored(brought) if self.asks else {}
        for key in seen:
            hand = self._hand(seen[key])
            said, url = unread[key].declaration, unread[key].document_url
            if hand is not None and said is not None and url is not None:
                found[key] = self.lookup.judged(said, None, "nuspec", url, hand)
        if self.asks:
            self._note(sum(found.get(key, unread[key]).rule == NOT_READ for key in unread))
        return found

    def _note(self, left: int) -> None:
        """One line on what is left unread."""
        if not left:
            return
        files = f"{many(left, 'license file')} not read"
        if time.monotonic() > self._until:
            self.notes.append(f"{files}: the {self.seconds:g} seconds for them were over (--texts-seconds)")
        elif self._failures:
            self.notes.append(f"{files}, the first for this: {str(self._failures[0]).rstrip('.')}")
        elif self._held:
            self.notes.append(f"{files}: they are stored, and not let through yet: {'; '.join(self._held)}")
        elif self.lookup.failure is not None:
            self.notes.append(f"{files}: {self.lookup.failure}")
        else:
            self.notes.append(f"{files}: {self.lookup.source} is not where the catalog brought them from")

    def _asked(self, store: Store | None, keys: Sequence[Key]) -> dict[Key, SeenText]:
        """What the source has inside versions that were looked up, kept as it comes."""
        seen: dict[Key, SeenText] = {}
        for some in _batches(keys):
            came = {
                key: one
                for key, (url, found) in self._fetched(some).items()
                if (one := _seen(url, found, self.now)) is not None
            }
            if store is not None:
                store.keep_texts(self.lookup.source, came)
            seen |= came
        return seen

    def _fetched(self, keys: Sequence[Key]) -> "dict[Key, tuple[str, Found]]":
        """What is inside some versions, by their keys, with the address of each: beside the package, else out of it."""
        from pkgintel.audit import inside  # Slow to import, and not needed where nothing is asked for.

        asking = self.lookup.opened() if time.monotonic() < self._until else None
        if asking is None:
            return {}
        urls = [asking.feed.license(*key) for key in keys]
        found = asking.fetch(urls, until=self._until)
        self.lookup.asked |= set(keys)
        came = dict(zip(keys, zip(urls, found, strict=True), strict=True))
        named = {
            key: name for key, (_, one) in came.items() if one == inside.NOTHING and (name := self._names.get(key))
        }
        came |= inside.read(asking, named, self._until)
        self._failures += [one.error for _, one in came.values() if one.error is not None]
        return came

    def _store(self, store: Store, asked: Mapping[Key, SeenText], brought: Sequence[Key]) -> None:
        """Have what was fetched read as the pipeline reads it, with the files of the versions that it knows."""
        from pkgintel.pipeline import text_reading, text_sources  # Slow to import, and seldom needed.

        if not store.keeps:
            return
        sources = text_sources.inside_versions(store.conn, brought) if self.place.is_catalog and brought else []
        self._look([one for one in sources if not one.settled], store)
        if not asked and not sources:
            return
        if text_reading.is_behind(store.conn):
            self._held = ("the stored texts are to be read again first",)
            return
        self._held = text_reading.match(store.conn, self.place.settings, until=self._until).closed

    def _look(self, sources: "Sequence[VersionSource]", store: Store) -> None:
        """Ask for the files of versions that the catalog brought, each kept like any look at a source."""
        from pkgintel.pipeline import text_sources  # As above.
        from pkgintel.upstream.files import Look

        for some in _batches(sources):
            fetched = self._fetched([one.key for one in some])
            for source in some:
                if source.key not in fetched:
                    continue
                url, found = fetched[source.key]
                seen = _seen(url, found, self.now)
                if seen is not None:
                    look = Look(seen.outcome, url, answered=url, body=seen.body, error=seen.error)
                    text_sources.see(store.conn, None, source, look)

    def _hand(self, seen: SeenText) -> TextAtHand | None:
        """A file that was seen, as the classifier has it in hand; None where the time to read it is over."""
        if seen.outcome != "have":
            ended = Ended(outcome=seen.outcome, at=seen.at, asked=seen.asked, error=seen.error)
            return TextAtHand(kind="embedded", reader=reader_version(), stands_from=None, spans=(), ended=ended)
        if seen.body is None:
            return None
        digest = sha256(seen.body).hexdigest()
        reading = seen.reading or self._readings.get(digest) or self._read(seen.body)
        if reading is None:
            return None
        self._readings[digest] = reading
        span = Span(
            sha256=digest, first_read=seen.at, last_read=seen.at, asked=seen.asked, answered=None, reading=reading
        )
        return TextAtHand(kind="embedded", reader=reader_version(), stands_from=None, spans=(span,), ended=None)

    def _read(self, body: bytes) -> StoredReading | None:
        from pkgintel.licenses.texts import reading  # Half a second, where a text is read alone.

        if time.monotonic() > self._until:
            return None
        found = reading.read(body)
        return StoredReading.model_validate({name: getattr(found, name) for name in StoredReading.model_fields})


def _batches(these: Sequence[One]) -> list[Sequence[One]]:
    return [these[start : start + _BATCH] for start in range(0, len(these), _BATCH)]


def _seen(url: str, found: "Found", now: datetime) -> SeenText | None:
    """What became of a file; None where that is to be found out another time."""
    if isinstance(found.error, UpstreamUnavailable):
        return None
    if found.error is not None:
        return SeenText("refused", url, now, error=str(found.error)[:2_000])
    return SeenText("have", url, now, found.body) if found.body is not None else SeenText("missing", url, now)
