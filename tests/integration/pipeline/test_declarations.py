"""Which declarations are judged, and how many of them a classification holds at once."""

import tracemalloc
from typing import Any

import pytest

from pkgintel import database as db
from pkgintel.licenses.verdict import Declaration, Judge
from pkgintel.pipeline import classify
from pkgintel.settings import Settings
from tests.support.classified import bring, keep, leaf, small_list


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
    declare = (
        "INSERT INTO raw.license_declarations (declaration, license_expression)"
        " VALUES (raw.declaration(%(said)s, NULL, NULL), %(said)s)"
    )
    judged = (
        "SELECT license_expression FROM raw.license_declarations JOIN enriched.declaration_verdicts USING (declaration)"
    )
    keep(conn, small_list("1"))
    bring(conn, leaf("A"))
    with db.connect(database) as other, other.transaction():
        other.execute(declare, {"said": "MIT"})  # Its transaction is older than the look, and ends behind it.
        assert classify.classify(conn, settings).decided == 1
        with conn.transaction():
            conn.execute(declare, {"said": "Apache-2.0"})
    assert classify.classify(conn, settings).idle
    said = {row["license_expression"] for row in conn.execute(judged).fetchall()}
    assert said == {None, "MIT", "Apache-2.0"}

    conn.execute("TRUNCATE enriched.declaration_verdicts")
    classify.classify(conn, settings)
    assert {row["license_expression"] for row in conn.execute(judged).fetchall()} == said


def test_a_declaration_is_made_when_it_is_judged(conn: db.Connection) -> None:
    """All of nuget.org has 150,000 of them, and a worker is to stay small."""
    conn.execute(
        "INSERT INTO raw.license_declarations (declaration, license_expression)"
        " SELECT raw.declaration('X-' || n, NULL, NULL), 'X-' || n FROM generate_series(1, 5000) AS n"
    )
    tracemalloc.start()
    try:
        count, found = classify.declarations(conn, "verdicts/unjudged_declarations", basis="another", since="0")
        assert sum(one.declaration.expression is not None for one in found) == count == 5000
        assert tracemalloc.get_traced_memory()[1] < 500_000, "a list of them takes millions of bytes"
    finally:
        tracemalloc.stop()
