"""Measuring checks and holding gates: what is recorded, and when nothing further may run."""

from pkgintel import database
from pkgintel.errors import GateFailed
from pkgintel.pipeline import checks, runs
from pkgintel.pipeline.checks import Result
from pkgintel.pipeline.states import State
from pkgintel.settings import Settings


def measure(conn: database.Connection, settings: Settings, gate: str) -> list[Result]:
    """The checks of `gate` against what is stored now; nothing is recorded."""
    return [_measured(conn, check) for check in checks.of_gate(gate, settings)]


def ages(conn: database.Connection, settings: Settings) -> list[Result]:
    """The freshness of every asset now; nothing is recorded."""
    every = (check for asset in checks.ASSETS for check in checks.of_gate(asset, settings))
    return [_measured(conn, check) for check in every if check.is_freshness]


def _measured(conn: database.Connection, check: checks.Check) -> Result:
    parameters = {"source": checks.SOURCES[check.gate]} if check.is_freshness else {}
    row = database.one(conn, f"checks/{check.statement}", **parameters)
    return check.judge(next(iter(row.values())) if row else None)


def record(conn: database.Connection, results: list[Result], run_id: int | None) -> None:
    """Keep `results` as rows, in one transaction."""
    with conn.transaction():
        for result in results:
            database.run(
                conn,
                "checks/record",
                name=result.name,
                gate=result.gate,
                blocking=result.blocking,
                passed=result.passed,
                value=result.value,
                threshold=result.threshold,
                message=result.message,
                run_id=run_id,
            )


def recorded_ago(conn: database.Connection, name: str) -> float:
    """Seconds since check `name` was last recorded outside of a run; endless when it never was."""
    row = database.one(conn, "checks/recorded_ago", name=name)
    return float(row["seconds"]) if row else float("inf")


def hold(conn: database.Connection, settings: Settings, gate: str, run_id: int | None) -> list[Result]:
    """Measure and record the checks of `gate`.

    Raises: GateFailed with the number and the threshold of every blocking check that failed.
    """
    results = measure(conn, settings, gate)
    record(conn, results, run_id)
    failure = _failure(gate, results)
    if failure:
        raise failure
    return results


def look(conn: database.Connection, settings: Settings, gate: str, run_id: int) -> GateFailed | None:
    """Measure and record the checks of `gate` behind run `run_id`, which ended well and stored nothing.

    The run is blocked when the gate stays closed; that error is returned, so that the caller can commit before it.
    """
    results = measure(conn, settings, gate)
    record(conn, results, run_id)
    failure = _failure(gate, results)
    if failure:
        _block(conn, run_id, failure)
    return failure


def is_open(conn: database.Connection, settings: Settings, gate: str) -> bool:
    """Whether every blocking check of `gate` passes if measured now; nothing is recorded."""
    return all(result.passed for result in measure(conn, settings, gate) if result.blocking)


def _failure(gate: str, results: list[Result]) -> GateFailed | None:
    failed = [result.message for result in results if result.blocking and not result.passed]
    return GateFailed(f"Gate {gate} is closed. " + ". ".join(failed) + ".") if failed else None


def _block(conn: database.Connection, run_id: int, failure: GateFailed) -> None:
    runs.end(conn, run_id, State.BLOCKED, error=str(failure), was=(State.DONE, State.CAUGHT_UP))


def require(conn: database.Connection, settings: Settings, gate: str, name: str, run_id: int | None) -> None:
    """Measure and record check `name` of `gate` before run `run_id` does anything.

    Raises: GateFailed when it failed.
    """
    for result in measure(conn, settings, gate):
        if result.name == name:
            record(conn, [result], run_id)
            if not result.passed:
                raise GateFailed(f"Gate {gate} is closed. {result.message}.")


def after(conn: database.Connection, settings: Settings, gate: str, run_id: int | None) -> list[Result]:
    """Hold `gate` behind run `run_id`: the run is blocked when it stays closed, settled when the last gate is through.

    Raises: GateFailed.
    """
    try:
        results = hold(conn, settings, gate, run_id)
    except GateFailed as error:
        if run_id is not None:
            _block(conn, run_id, error)
        raise
    if gate == checks.VERDICTS and run_id is not None:
        runs.settle(conn, run_id)
    return results


def blocking_names(settings: Settings) -> list[str]:
    """The names of every blocking check."""
    named = [check.name for gate in checks.GATES for check in checks.of_gate(gate, settings) if check.blocking]
    return [*named, checks.REJECT_LIMIT_CHECK]


def closed(conn: database.Connection, settings: Settings) -> list[str]:
    """The messages of blocking checks whose newest result failed: while there is one, nothing may be classified."""
    rows = database.every(conn, "checks/latest", names=blocking_names(settings))
    return [row["message"] for row in rows if not row["passed"]]


def note_closed(conn: database.Connection, settings: Settings, run_id: int | None) -> list[str]:
    """Record the blocking checks that fail now and passed when they were last recorded: their names.

    What no gate has recorded yet is left out: a license list may be stored before the first package.
    """
    passed = {
        row["name"] for row in database.every(conn, "checks/latest", names=blocking_names(settings)) if row["passed"]
    }
    results = [
        result
        for gate in checks.GATES
        for result in measure(conn, settings, gate)
        if result.name in passed and result.blocking and not result.passed
    ]
    if results:
        record(conn, results, run_id)
    return [result.name for result in results]


def stands_closed(conn: database.Connection, settings: Settings, gate: str) -> bool:
    """Whether a blocking check of `gate` failed when it was last recorded."""
    rows = database.every(conn, "checks/latest", names=blocking_names(settings))
    return any(row["gate"] == gate and not row["passed"] for row in rows)


def reopened(conn: database.Connection, settings: Settings) -> list[str]:
    """Measure again what stands failed and record what passes now: the names of these blocking checks.

    The limit of rejects is left out: only the scan that it blocked, or a newer one, can measure it.
    """
    rows = database.every(conn, "checks/latest", names=blocking_names(settings))
    failed = {row["name"]: row["gate"] for row in rows if not row["passed"]}
    results = [
        result
        for gate in sorted(set(failed.values()))
        for result in measure(conn, settings, gate)
        if result.name in failed and result.passed
    ]
    if results:
        record(conn, results, None)
    return [result.name for result in results]


def all_open(conn: database.Connection, settings: Settings) -> bool:
    """Whether a classification would get through: no blocking check stands failed, and each passes if measured now."""
    return not closed(conn, settings) and all(is_open(conn, settings, name) for name in checks.GATES)
