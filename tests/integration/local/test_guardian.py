"""The guardian, for real: whatever is killed, lost or spoilt under it, the servers come back with their data."""

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgintel.local import server
from pkgintel.local import services as embedded
from tests.support.homes import Home, answers, copied, home_at, read_from, soon, write_to
from tests.support.places import quick_place


@pytest.fixture(scope="module")
def used_home() -> Iterator[Path]:
    """A home whose servers ran once: to make a data directory takes longer than most tests here."""
    place = Path(tempfile.mkdtemp(prefix="pkgintel-test-", dir=quick_place()))
    try:
        with home_at(place / "used") as used:
            embedded.hold(used.settings)
            embedded.release(used.path)
            used.await_end()
            yield used.path
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def home(new_home: Home, used_home: Path) -> Home:
    """A home of a test's own, with a data directory in which nothing is."""
    copied(used_home, new_home.path)
    return new_home


def test_a_killed_user_takes_nobody_along(home: Home) -> None:
    first = home.user()
    said = home.said(first)
    second = home.user()
    assert home.said(second) == said
    pids = home.pids()
    home.end(first)  # Kill -9.
    write_to(said, "x")
    soon(lambda: home.pids() == pids and read_from(said) == (["x"], ["x"]), "the servers still there")
    home.end(second)
    home.await_end()


def test_a_user_that_comes_while_the_servers_stop(home: Home) -> None:
    for _ in range(3):
        user = home.user()
        said = home.said(user)
        assert "postgres" in said, said
        write_to(said, "x")
        home.end(user)
    user = home.user()
    assert read_from(home.said(user)) == (["x"] * 3, ["x"] * 3)


def test_a_killed_guardian_leaves_servers_that_the_next_one_adopts(home: Home) -> None:
    first = home.user()
    said = home.said(first)
    write_to(said, "before")
    pids = home.pids()
    home.kill(home.guardian_pid(), "guardian.lock")
    second = home.user()
    assert home.said(second) == said
    assert home.pids() == pids, "adopted, not started again"
    assert read_from(said) == (["before"], ["before"])

    # Adopted servers are watched and stopped as others are.
    os.kill(pids[1], signal.SIGKILL)
    os.kill(pids[0], signal.SIGKILL)
    soon(lambda: answers(said), "recovery")
    assert read_from(said) == (["before"], ["before"])
    assert set(home.pids()).isdisjoint(pids)
    home.end(first)
    home.end(second)
    home.await_end()


def test_killed_servers_are_started_again_with_their_data(home: Home) -> None:
    said = home.said(home.user())
    write_to(said, "kept")
    old = home.pids()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    soon(lambda: answers(said), "recovery")
    assert read_from(said) == (["kept"], ["kept"])
    assert set(home.pids()).isdisjoint(old)


def test_everything_killed_at_once_as_in_a_power_cut(home: Home) -> None:
    user = home.user()
    said = home.said(user)
    write_to(said, "kept")
    for pid in (home.guardian_pid(), *home.pids()):
        os.kill(pid, signal.SIGKILL)
    home.end(user)
    home.await_end()
    # The next boot gave the id of the dead server to another process of ours.
    lock = home.path / "postgres" / "postmaster.pid"
    lock.write_text(lock.read_text().replace(lock.read_text().splitlines()[0], str(os.getpid()), 1))
    again = home.said(home.user())
    assert again == said
    assert read_from(again) == (["kept"], ["kept"])


def test_a_guardian_that_is_told_to_end_stops_the_servers(home: Home) -> None:
    services = embedded.hold(home.settings)
    os.kill(home.guardian_pid(), signal.SIGTERM)
    soon(lambda: home.taken() == ["users.lock"], "the end of the servers")
    assert embedded.hold(home.settings) == services


def test_control_c_in_the_terminal_of_the_user_does_not_reach_the_servers(home: Home) -> None:
    keeper = home.user()
    said = home.said(keeper)
    group = os.getpgid(keeper.pid)
    for pid in (home.guardian_pid(), *home.pids()):
        assert os.getsid(pid) != os.getsid(keeper.pid)
        assert os.getpgid(pid) != group
    assert "postgres" in said


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_port_that_somebody_took_is_left_to_them(home: Home, name: str) -> None:
    services = embedded.hold(home.settings)
    services.database("sample")
    embedded.release(home.path)
    home.await_end()
    port = getattr(services, f"{name}_port")
    with socket.create_server((server.HOST, port)):
        again = embedded.hold(home.settings)
        assert getattr(again, f"{name}_port") != port
        assert again.database("sample")
    embedded.release(home.path)
    home.await_end()
    assert embedded.hold(home.settings) == again, "the new port is remembered"


@pytest.mark.parametrize("garbage", [b'{"postgres": {"po', b'{"postgres": 7, "redis": [], "sample": 1}'])
def test_a_spoilt_services_file_is_written_anew(home: Home, garbage: bytes) -> None:
    services = embedded.hold(home.settings)
    write_to(dict(zip(("postgres", "redis"), services.database("sample"), strict=True)), "kept")
    embedded.release(home.path)
    home.await_end()
    (home.path / "services.json").write_bytes(garbage)
    again = embedded.hold(home.settings)
    assert read_from(dict(zip(("postgres", "redis"), again.database("sample"), strict=True))) == (["kept"], ["kept"])


def test_a_services_file_spoilt_under_a_running_guardian_heals(home: Home) -> None:
    services = embedded.hold(home.settings)
    (home.path / "services.json").write_text("{")
    assert embedded.hold(home.settings) == services


def test_orphans_whose_password_was_lost_are_restarted(home: Home) -> None:
    user = home.user()
    write_to(home.said(user), "kept")
    home.kill(home.guardian_pid(), "guardian.lock")
    (home.path / "services.json").unlink()
    assert read_from(home.said(home.user())) == (["kept"], ["kept"])


def test_a_half_written_home_heals(new_home: Home) -> None:
    """As if initdb had been killed: the data directory appears whole or not at all."""
    (new_home.path / "postgres.new-abc" / "data" / "global").mkdir(parents=True)
    (new_home.path / "postgres").mkdir()
    (new_home.path / "redis").mkdir()
    (new_home.path / "guardian.json").write_text('{"ready": true')
    (new_home.path / "services.json.new").write_text("{")
    assert embedded.hold(new_home.settings).database("sample")
    assert not (new_home.path / "postgres.new-abc").exists()


@pytest.mark.parametrize("part", ["manifest", "incr.aof", "base.rdb"])
def test_a_damaged_journal_of_valkey_keeps_nobody_from_what_is_stored(home: Home, part: str) -> None:
    services = embedded.hold(home.settings)
    write_to(dict(zip(("postgres", "redis"), services.database("sample"), strict=True)), "kept")
    embedded.release(home.path)
    home.await_end()
    (damaged,) = (home.path / "redis" / "appendonlydir").glob(f"*{part}")
    damaged.write_bytes(b"*nonsense*" * 200)
    again = embedded.hold(home.settings)
    stored, on_its_way = read_from(dict(zip(("postgres", "redis"), again.database("sample"), strict=True)))
    assert (stored, on_its_way) == (["kept"], [])
    assert (home.path / "redis" / "appendonlydir.damaged" / damaged.name).read_bytes().startswith(b"*nonsense*")
    assert "is set aside as" in (home.path / "logs" / "guardian.log").read_text()


def test_a_guardian_killed_while_it_makes_the_data_directory(new_home: Home) -> None:
    user = new_home.user()
    soon(lambda: list(new_home.path.glob("postgres.new-*/data/PG_VERSION")), "initdb at work")
    log = (new_home.path / "logs" / "guardian.log").read_text()
    os.kill(int(log.partition("(process ")[2].partition(")")[0]), signal.SIGKILL)
    said = new_home.said(user)
    assert "postgres" in said, said


def test_a_home_that_is_removed_under_the_servers(home: Home) -> None:
    services = embedded.hold(home.settings)
    pids = (home.guardian_pid(), *home.pids())
    shutil.rmtree(home.path, ignore_errors=True)
    again = embedded.hold(home.settings)
    assert again.postgres_password != services.postgres_password
    assert again.database("sample")
    soon(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids), "the end of the old servers")
