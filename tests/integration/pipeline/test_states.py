"""The words of a run in Python are those that Postgres takes."""

import re
from enum import StrEnum

import pytest

from pkgintel import database
from pkgintel.pipeline.states import Action, Kind, PageKind, PageState, Source, State


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        ("runs_source_check", Source),
        ("runs_action_check", Action),
        ("runs_kind_check", Kind),
        ("runs_state_check", State),
        ("run_pages_state_check", PageState),
        ("run_pages_kind_check", PageKind),
    ],
)
def test_a_table_takes_the_words_of_python_and_no_other(
    conn: database.Connection, constraint: str, words: type[StrEnum]
) -> None:
    row = conn.execute(
        "SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conname = %s", (constraint,)
    ).fetchone()
    assert row is not None
    assert set(re.findall(r"'([a-z_]+)'", row["definition"])) == {word.value for word in words}


def test_every_state_stands_on_one_side() -> None:
    assert [state for state in State if not state.ended] == [State.RUNNING]
    assert not [state for state in State if state.good and (state.bad or state.resumable)]
    assert [state for state in State if state.bad and not state.resumable] == []
