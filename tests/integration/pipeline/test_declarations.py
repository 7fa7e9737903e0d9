"""Which declarations are judged, and how many of them a classification holds at once."""

import tracemalloc
from typing import Any

import pytest

from pkgintel import database as db
from pkgintel.licenses.verdict import Declaration, Judge
from pkgintel.pipeline import classify
from pkgintel.settings import Settings
from tests.support.classified import bring, keep, leaf, small_list


def declare(conn: db.Connection, count: int) -> None:
    """So many declarations, among them those that were declared so before."""
    conn.execute(
        "INSERT INTO raw.license_declarations (declaration, license_expression)"
        " SELECT raw.declaration('X-' || n, NULL, NULL), 'X-' || n FROM generate_series(1, %s) AS n"
        " ON CONFLICT DO NOTHING",
        (count,),
    )


def test_each_distinct_declaration_is_judged_once(
    conn: db.Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = []
    original = Judge.judge

    def counting(self: Judge, declaration: Declaration, *said: Any) -> Any:
        judged.append(declaration)
        return original(self, declaration, *said)

    monkeypatch.setattr(Judge, "judge", counting)
    keep(conn, small_list("1"))
    bring(conn, *(leaf(f"P{number}", licenseExpression="MIT") for number in range(50)), leaf("Other"))
    classify.classify(conn, settings)
    bring(conn, leaf("Late", licenseExpression="MIT"))
    classify.classify(conn, settings)
    assert len(judged) == 2


def test_a_declaration_that_came_since_the_last_look_is_judged_whoever_wrote_it(
    database: str, conn: db.Connection, settings: Settings
) -> None:
    insert = (
        "INSERT INTO raw.license_declarations (declaration, license_expression)"
        " VALUES (raw.declaration(%(said)s, NULL, NULL), %(said)s)"
    )
    judged = (
        "SELECT license_expression FROM raw.license_declarations JOIN enriched.declaration_verdicts USING (declaration)"
    )
    keep(conn, small_list("1"))
    bring(conn, leaf("A"))
    with db.connect(database) as other, other.transaction():
        other.execute(insert, {"said": "MIT"})  # Its transaction is older than the look, and ends behind it.
        assert classify.classify(conn, settings).decided == 1
        with conn.transaction():
            conn.execute(insert, {"said": "Apache-2.0"})
    assert classify.classify(conn, settings).idle
    said = {row["license_expression"] for row in conn.execute(judged).fetchall()}
    assert said == {None, "MIT", "Apache-2.0"}

    conn.execute("TRUNCATE enriched.declaration_verdicts")
    classify.classify(conn, settings)
    assert {row["license_expression"] for row in conn.execute(judged).fetchall()} == said


def test_many_declarations_are_judged_a_batch_after_the_other(
    conn: db.Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of nuget.org has more than 150,000 of them, and a worker is to stay small."""
    held = []
    original = classify.copy_judged

    def watching(*said: Any) -> int:
        *others, unjudged = said
        batches = ([*batch] for batch in unjudged)
        return original(*others, (held.append(len(batch)) or batch for batch in batches))

    monkeypatch.setattr(classify, "copy_judged", watching)
    keep(conn, small_list("1"))
    declare(conn, classify.BATCH + 5000)
    classify.classify(conn, settings)
    assert held == [classify.BATCH, 5000]
    judged = "SELECT count(DISTINCT declaration) AS n, count(*) AS rows FROM enriched.declaration_verdicts"
    assert conn.execute(judged).fetchone() == {"n": sum(held), "rows": sum(held)}


@pytest.mark.parametrize("rows", [0, 1, 6, 7, 8, 21])
def test_a_statement_is_read_in_batches_of_any_number_of_rows(conn: db.Connection, rows: int) -> None:
    declare(conn, rows)
    with conn.transaction():
        found = list(db.batches(conn, "verdicts/unjudged_declarations", 7, basis="another", since="0"))
    assert [len(batch) for batch in found] == [7] * (rows // 7) + ([rows % 7] if rows % 7 else [])
    assert len({row["declaration"] for batch in found for row in batch}) == rows


def test_no_more_is_held_of_many_declarations_than_of_a_batch(conn: db.Connection) -> None:
    def peak() -> int:
        tracemalloc.start()
        try:
            with (
                conn.transaction(),
                classify.declarations(conn, "verdicts/unjudged_declarations", basis="another", since="0") as found,
            ):
                assert sum(one.declaration.expression is not None for batch in found for one in batch) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peaks = []
    for count in (classify.BATCH, 4 * classify.BATCH):
        declare(conn, count)
        peaks.append(peak())
    assert peaks[1] < 1.5 * peaks[0], "more than a batch is held"
