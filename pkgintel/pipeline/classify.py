"""Giving every package its verdict: what is pending is found by query, each distinct declaration is judged once.

Pending is a package whose inputs, license list, policy, ruleset or facts differ from those its verdict was made with,
so nothing has to remember what changed. A declaration has a verdict for each of its eras, and the date on which the
version was created says which one holds. Looking at all packages is needed only when the basis changed; otherwise the
rows touched since the last look are enough, found by the transaction that touched them.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from pkgintel import database
from pkgintel.errors import GateFailed, ServiceUnavailable
from pkgintel.licenses import verdict
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.texts.hand import TextAtHand
from pkgintel.pipeline import gate, heartbeats, relicensing, runs, sync
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.settings import Settings

BEFORE_EVERYTHING = "0"
BATCH = 5_000  # Rows of declarations that are held at once.
_MANY = 1000  # Declarations judged at once from which on the planner is shown what this transaction wrote.
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Classification:
    """What a classification did: packages decided (again), verdicts that changed, packages that lost theirs.

    `relicensed`: changes of licenses between versions that were not known before.
    """

    decided: int = 0
    changed: int = 0
    removed: int = 0
    relicensed: int = 0
    list_version: str = ""
    ruleset: int = verdict.RULESET

    def __str__(self) -> str:
        if self.idle:
            return "nothing was pending"
        return f"{self.decided} decided, {self.changed} verdicts changed, {self.removed} removed"

    @property
    def idle(self) -> bool:
        """Whether nothing was pending."""
        return not (self.decided or self.removed or self.relicensed)


def perform(
    db: database.Database,
    conn: database.Connection,
    settings: Settings,
    *,
    task_id: str | None = None,
    cause_id: int | None = None,
) -> tuple[int, Classification]:
    """Classify as a run of its own, triggered by run `cause_id`, whose kind it has: the run's id and what it did.

    Raises: what `classify` raises, the run closed with it.
    """
    cause = runs.get(conn, cause_id) if cause_id is not None else None
    kind = cause.kind if cause else Kind.MANUAL
    run_id = runs.open_run(conn, Source.VERDICTS, Action.CLASSIFY, kind, task_id=task_id, cause_id=cause_id)
    try:
        with heartbeats.pulse(db, run_id, settings.lost_after):
            gate.note_closed(conn, settings, run_id)
            done = classify(conn, settings)
    except Exception as error:
        state = State.BLOCKED if isinstance(error, GateFailed) else State.FAILED
        runs.end(conn, run_id, state, error=str(error), error_type=type(error).__name__)
        if state is State.BLOCKED and cause_id is not None:
            # Whatever opens the gate again brings a classification of its own.
            runs.settle(conn, cause_id)
        raise
    with conn.transaction():
        if not done.idle:
            counts = {row["verdict"]: row["packages"] for row in database.every(conn, "verdicts/counts")}
            runs.describe(conn, run_id, verdicts=counts)
        runs.end(
            conn,
            run_id,
            State.CAUGHT_UP if done.idle else State.DONE,
            list_version=done.list_version,
            decided=done.decided,
            changed=done.changed,
            removed=done.removed,
            relicensed=done.relicensed,
        )
    return run_id, done


def classify(conn: database.Connection, settings: Settings) -> Classification:
    """Decide every pending package in one transaction, and only those.

    Classifications run one after the other; two upstreams that finish together need one, and the second finds nothing.
    Raises: GateFailed when no license list is stored, or a blocking check of either source stands failed;
    ServiceUnavailable when another classification does not come to an end.
    """
    with conn.transaction():
        _take_turn(conn)
        closed = gate.closed(conn, settings)
        if closed:
            raise GateFailed("Nothing is classified while a gate is closed. " + ". ".join(closed) + ".")
        database.run(conn, "spdx/lock_shared")  # The list stays as it is from its hash to the last verdict.
        stored = database.one(conn, "spdx/fingerprint")
        if stored is None:
            raise GateFailed("spdx list is empty: run spdx.sync first.")
        on = verdict.basis(settings.license_policy, stored["version"], stored["content"])
        state = database.the(conn, "verdicts/state")
        # Rows touched by a transaction that had ended before the last look began need no second look.
        same = state["same_server"] and state["basis"] == on and state["has_verdicts"]
        since = state["seen_before"] if same else BEFORE_EVERYTHING
        moved = _judge_declarations(conn, settings, on, since)
        decided, changed, removed = _apply(conn, settings, since, stored["version"])
        seen = state["changes_seen"] if state["same_server"] else BEFORE_EVERYTHING
        relicensed = relicensing.find(conn, seen, moved)
        database.run(conn, "verdicts/remember", basis=on, system_id=state["system_id"], horizon=state["horizon"])
    return Classification(decided, changed, removed, relicensed, stored["version"], verdict.RULESET)


def _apply(conn: database.Connection, settings: Settings, since: str, list_version: str) -> tuple[int, int, int]:
    """Give the packages touched since an xid8 their verdicts: how many were decided, changed, and lost theirs.

    To plan these statements takes longer than to see that nothing was touched.
    """
    if not database.the(conn, "verdicts/any_touched", since=since)["found"]:
        return 0, 0, 0
    applied = database.the(
        conn,
        "verdicts/apply",
        since=since,
        list_version=list_version,
        ruleset=verdict.RULESET,
        policy=settings.license_policy,
    )
    removed = database.run(conn, "verdicts/remove_deleted", since=since)
    return applied["decided"], applied["changed"] + removed, removed


def _take_turn(conn: database.Connection) -> None:
    try:
        before = database.the(conn, "verdicts/lock")["before"]
    except psycopg.errors.LockNotAvailable:
        raise ServiceUnavailable(
            "Another classification has held its turn for ten minutes: `pkgintel status` shows its session; this one "
            "is tried again."
        ) from None
    database.one(conn, "session/lock_timeout", wait=before)


def _judge_declarations(conn: database.Connection, settings: Settings, on: str, since: str) -> int:
    """Judge what was never judged on this basis; how many declarations were judged before, and otherwise."""
    with declarations(conn, "verdicts/unjudged_declarations", basis=on, since=since) as unjudged:
        first = next(unjudged, None)
        found = sync.stored(conn) if first else None
        if not (first and found):
            return 0
        count = copy_judged(conn, found, settings, chain([first], unjudged))
    moved = relicensing.note_moved(conn)
    database.run(conn, "verdicts/keep_judged", basis=on)
    if count >= _MANY:
        conn.execute("ANALYZE enriched.declaration_verdicts (declaration, text_source, created_from, created_until)")
    return moved


@dataclass(frozen=True, slots=True)
class Declared:
    """A declaration by the name that Postgres gives it, and the text at hand for it, which `hand_key` names.

    `text_source` is that of a version's own license file; 0 where the declaration alone says what is read.
    """

    name: UUID
    declaration: verdict.Declaration
    text_source: int
    hand: TextAtHand | None
    hand_key: str


@contextmanager
def declarations(
    conn: database.Connection, statement: str, **parameters: str | None
) -> Iterator[Iterator[Iterable[Declared]]]:
    """The declarations that a statement finds, in batches, each of them made when it is asked for.

    Of all of nuget.org there are 150,000 and more. Inside the caller's transaction; a batch is gone with the next one.
    """
    with closing(database.batches(conn, statement, BATCH, **parameters)) as found:
        yield map(_made, found)


def _made(rows: list[database.Row]) -> Iterable[Declared]:
    return map(_declared, rows)


def _declared(row: database.Row) -> Declared:
    return Declared(
        row["declaration"],
        verdict.Declaration(row["license_expression"], row["license_file"], row["license_url"]),
        row["text_source"],
        TextAtHand.model_validate(row["hand"]) if row["hand"] else None,
        row["hand_key"],
    )


def copy_judged(
    conn: database.Connection,
    listed: LicenseList,
    settings: Settings,
    unjudged: Iterable[Iterable[Declared]],
) -> int:
    """Judge declarations, each era by itself, into the temporary table `judged` of this transaction; how many."""
    judge, count = verdict.Judge(listed, settings.license_policy), 0
    conn.execute(database.sql("verdicts/judged"))
    for batch in unjudged:
        with conn.cursor() as cursor, cursor.copy(database.sql("verdicts/copy_judged")) as copy:
            for one in batch:
                count += 1
                for since, until, found in _by_era(judge, one.declaration, one.hand):
                    evidence = Jsonb(found.evidence.as_json(), dumps=_dumps)
                    judged = (found.verdict, found.rule, found.reason, evidence, found.spdx_ids)
                    copy.write_row((one.name, one.text_source, one.hand_key, since, until, *judged))
    return count


def _by_era(
    judge: verdict.Judge, declaration: verdict.Declaration, hand: TextAtHand | None
) -> Iterator[tuple[str, str | None, verdict.Verdict]]:
    """The verdict of each era with its beginning and its end as Postgres writes them; the last is for no date."""
    eras = judge.eras(declaration, hand)
    days = [day.isoformat() for day in eras]
    if days:
        dates = [None, *eras]
        for since, until, date in zip(["-infinity", *days], [*days, "infinity"], dates, strict=True):
            yield since, until, judge.judge(declaration, date or _BEFORE_ALL, hand)
    yield "infinity" if days else "-infinity", None, judge.judge(declaration, None, hand)


def _dumps(value: object) -> str:
    return json.dumps(value, sort_keys=True)
