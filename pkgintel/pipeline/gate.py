"""Measuring checks and holding gates: what is recorded, and when nothing further may run."""

from pkgintel import database
from pkgintel.errors import GateFailed
from pkgintel.pipeline import checks, runs
from pkgintel.pipeline.checks import Result
from pkgintel.pipeline.states import State
from pkgintel.settings import Settings


def measure(conn: database.Connection, settings: Settings, gate: str) -> list[Result]:
    """The checks of `gate` against what is stored now; nothing is recorded."""
    results = []
    for check in checks.of_gate(gate, settings):
        parameters = {"source": checks.SOURCES[gate]} if check.statement == "age" else {}
        row = database.one(conn, f"checks/{check.statement}", **parameters)
        results.append(check.judge(next(iter(row.values())) if row else None))
    return results


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


def hold(conn: database.Connection, settings: Settings, gate: str, run_id: int | None) -> list[Result]:
    """Measure and record the checks of `gate`.

    Raises: GateFailed with the number and the threshold of every blocking check that failed.
    """
    results = measure(conn, settings, gate)
    record(conn, results, run_id)
    failed = [result.message for result in results if result.blocking and not result.passed]
    if failed:
        raise GateFailed(f"Gate {gate} is closed. " + ". ".join(failed) + ".")
    return results


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
            runs.end(conn, run_id, State.BLOCKED, error=str(error), was=(State.DONE, State.CAUGHT_UP))
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
    if closed(conn, settings):
        return False
    results = [result for gate in checks.GATES for result in measure(conn, settings, gate)]
    return all(result.passed for result in results if result.blocking)
