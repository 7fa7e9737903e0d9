"""Stored license texts, read: by this reader and this license list, from their bytes alone, and let through by a gate.

What the gate lets through is in the classifier's hand from then on. While it is closed the classifier goes on with what
it had: a host that is out, or a reader gone wrong, changes no verdict.
"""

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from pkgintel import database
from pkgintel.licenses.meaning import Reader
from pkgintel.licenses.texts.version import reader_version
from pkgintel.pipeline import checks, gate, sync
from pkgintel.settings import Settings
from pkgintel.text import many

if TYPE_CHECKING:
    from pkgintel.licenses.texts.reading import Reading

log = logging.getLogger(__name__)

BATCH = 50


@dataclass(frozen=True, slots=True)
class Matched:
    """What was read: texts, and sources and packages that have another text in hand now; `closed`: why none has."""

    read: int = 0
    sources: int = 0
    packages: int = 0
    closed: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.closed:
            return f"{many(self.read, 'text')} read, and none let through: {'; '.join(self.closed)}"
        return f"{many(self.read, 'text')} read, {many(self.packages, 'package')} with another text in hand"


def match(
    conn: database.Connection, settings: Settings, run_id: int | None = None, until: float | None = None
) -> Matched:
    """Read every stored text that this reader has not read with the stored list, and let it all through the gate.

    No network is used. Without a license list nothing is read. After `until` (monotonic seconds) it ends with what was
    read by then kept, and nothing let through, which is left to the next time.
    """
    # Half a second and tens of megabytes, for the process that reads texts alone.
    from pkgintel.licenses.texts import negatives, reading
    from pkgintel.licenses.texts.verdict import meaning_of

    listed = sync.stored(conn)
    if listed is None:
        return Matched()
    reader = reader_version()
    meanings = Reader(listed, settings.license_policy)
    read = 0
    for rows in _unread(conn, reader, listed.version):
        found = [reading.read(row["bytes"]) for row in rows]
        with conn.transaction():
            for one in found:
                _keep(conn, reader, listed.version, one, meaning_of(one, meanings))
        read += len(rows)
        if until is not None and time.monotonic() > until:
            return Matched(read, closed=("the time for it is over",))
    results = gate.measure(conn, settings, checks.TEXTS)
    # A reader that was let through has read them before; another one in between may have closed the gate since.
    if database.the(conn, "texts/admitted")["reader"] != reader or _is_called_wrong(conn):
        results.append(checks.negatives(negatives.recognised()))
    gate.record(conn, results, run_id)
    closed = tuple(result.message for result in results if result.blocking and not result.passed)
    if closed:
        log.warning("what was read is not let through: %s", "; ".join(closed))
        return Matched(read, closed=closed)
    return _admit(conn, reader, listed.version, read)


def _unread(conn: database.Connection, reader: str, list_version: str) -> Iterator[Sequence[database.Row]]:
    """The texts that this reader has not read with this list, in batches, until none is left.

    Each batch is looked for behind the last one. What came meanwhile may lie before it, so it ends with a look at all.
    """
    after = ""
    while True:
        facts = {"reader": reader, "list_version": list_version, "most": BATCH, "after": after}
        rows = database.every(conn, "texts/unread", **facts)
        if rows:
            yield rows
            after = rows[-1]["sha256"]
        elif after:
            after = ""
        else:
            return


def is_behind(conn: database.Connection) -> bool:
    """Whether there is something to read or to let through that another release left behind.

    That is a text which this release's reader has not read with the stored list though another one has, and whatever
    a wrong reader held back, once this installation's is right.
    """
    admitted, version = database.the(conn, "texts/admitted"), database.the(conn, "spdx/version")["version"]
    if version is not None and _is_called_wrong(conn):
        from pkgintel.licenses.texts import negatives  # Tens of megabytes, which upkeep is spared else.

        if not negatives.recognised():
            return True
    now = (reader_version(), version)
    if None in (version, admitted["reader"]) or now == (admitted["reader"], admitted["list_version"]):
        return False
    return bool(database.every(conn, "texts/unread", reader=now[0], list_version=version, most=1, after=""))


def _is_called_wrong(conn: database.Connection) -> bool:
    """Whether the reader that was looked at last took a made-up text for a license."""
    return any(not row["passed"] for row in database.every(conn, "checks/latest", names=[checks.NEGATIVES_CHECK]))


def _keep(conn: database.Connection, reader: str, list_version: str, one: "Reading", meaning: str) -> None:
    differences = [asdict(difference) for difference in one.differences]
    database.run(
        conn,
        "texts/keep_reading",
        sha256=one.sha256,
        reader=reader,
        list_version=list_version,
        status=one.status,
        licenses=list(one.licenses),
        expression=one.expression,
        method=one.method,
        similarity=one.similarity,
        differences=Jsonb(differences, dumps=_dumps),
        closed=one.closed,
        encoding=one.encoding,
        why=one.why,
        meaning=meaning,
    )


def _dumps(value: list[dict[str, str]]) -> str:
    """JSON that Postgres takes: NUL and lone surrogates are no text to it."""
    return json.dumps(value, ensure_ascii=True).replace("\\u0000", "\\ufffd")


def _admit(conn: database.Connection, reader: str, list_version: str, read: int) -> Matched:
    """Put all that was seen and read into the classifier's hand, in one transaction, beside no classification."""
    with conn.transaction():
        database.one(conn, "texts/lock_admitted")
        sighting = int(database.the(conn, "texts/admitted")["newest"])
        database.run(conn, "texts/stand_from", sighting_id=sighting)
        facts = {"reader": reader, "list_version": list_version, "sighting_id": sighting}
        database.run(conn, "texts/admit", **facts)
        taken = database.the(conn, "texts/take_in_hand", **facts)
    return Matched(read, taken["sources"], taken["packages"])
