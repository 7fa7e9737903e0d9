"""Whose home is used: what another user of the machine planted is refused, and nothing is written through a link."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pkgintel.errors import ServiceUnavailable
from pkgintel.local import guardian, server
from pkgintel.local import home as own_home
from pkgintel.local import services as embedded
from pkgintel.runtime import deployment
from pkgintel.settings import Settings
from tests.support.waiting import until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user can enter, with a victim's folder in it."""
    made = Path(tempfile.mkdtemp(prefix="pkgintel-test-"))
    made.chmod(0o755)
    (made / "victim").mkdir()
    yield made
    shutil.rmtree(made)


def refused(home: Path) -> str:
    """The sentence with which a command that starts the services refuses the home, and one that finds them too."""
    with pytest.raises(ServiceUnavailable) as starting:
        embedded.hold(Settings(home=home))
    with pytest.raises(ServiceUnavailable) as finding:
        embedded.find(Settings(home=home))
    assert str(finding.value) == str(starting.value)
    assert "\n" not in str(starting.value)
    return str(starting.value)


@contextmanager
def somebody_else() -> Iterator[None]:
    """As the user nobody, without root's rights over files."""
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775, 0o722])
def test_a_home_that_others_can_write_to_is_refused(place: Path, mode: int) -> None:
    home = place / "home"
    home.mkdir()
    home.chmod(mode)
    assert "can be written by other users" in refused(home)
    assert not list(home.iterdir())


PLANTED: list[tuple[str, Callable[[Path, Path], None]]] = [
    (name, lambda home, victim, name=name: (home / name).symlink_to(victim / "file"))  # type: ignore[misc]
    for name in ("users.lock", "guardian.lock", "redis.lock", "guardian.json.new", "services.json", "last_catalog.7")
]
PLANTED += [
    (name, lambda home, victim, name=name: (home / name).symlink_to(victim))  # type: ignore[misc]
    for name in ("logs", "redis", "postgres")
]
PLANTED += [
    ("guardian.log", lambda home, victim: _in(home / "logs", "guardian.log", victim / "file")),
    ("redis.conf.new", lambda home, victim: _in(home / "redis", "redis.conf.new", victim / "file")),
]


def _in(directory: Path, name: str, target: Path) -> None:
    directory.mkdir()
    (directory / name).symlink_to(target)


@pytest.mark.parametrize("plant", [plant for _, plant in PLANTED], ids=[name for name, _ in PLANTED])
def test_no_link_in_a_home_is_followed(place: Path, plant: Callable[[Path, Path], None]) -> None:
    home = place / "home"
    home.mkdir()
    plant(home, place / "victim")
    assert "is a link, and none is followed" in refused(home)
    assert not list((place / "victim").iterdir())


def test_a_home_that_is_a_link_is_refused(place: Path) -> None:
    (place / "home").symlink_to(place / "victim")
    assert "is a link, and none is followed" in refused(place / "home")
    assert not list((place / "victim").iterdir())


def test_a_link_that_comes_after_the_look_is_not_followed_either(place: Path) -> None:
    link = place / "link"
    link.symlink_to(place / "victim" / "file")
    (place / "logs").mkdir()
    (place / "logs" / "guardian.log").symlink_to(place / "victim" / "file")
    for write in (
        lambda: own_home.open_own(link, "ab"),
        lambda: server.lock(link),
        lambda: guardian.open_log(place),
    ):
        with pytest.raises(OSError, match="symbolic links"):
            write()
    assert not list((place / "victim").iterdir())


@as_root
def test_root_refuses_a_home_of_somebody_else_that_others_can_write_to_or_that_holds_links(place: Path) -> None:
    nobody, third = pwd.getpwnam("nobody").pw_uid, 4242
    home = place / "home"
    home.mkdir()
    os.chown(home, nobody, -1)
    (home / "logs").symlink_to(place / "victim")
    assert "is a link" in refused(home)
    (home / "logs").unlink()
    home.chmod(0o777)
    assert "can be written by other users" in refused(home)
    home.chmod(0o755)
    (home / "services.json").write_text("{}")
    os.chown(home / "services.json", third, -1)
    assert f"services.json belongs to user {third}" in refused(home)
    os.chown(home / "services.json", nobody, -1)
    own_home.require_own(home)  # Nothing is wrong any more.


@as_root
@pytest.mark.parametrize(("mode", "said"), [(0o755, "cannot be written"), (0o777, "must not be written")])
def test_a_home_of_root_is_not_for_others(place: Path, mode: int, said: str) -> None:
    home = place / "home"
    home.mkdir()
    home.chmod(mode)
    with somebody_else():
        assert f"belongs to root and {said} by this user" in refused(home)
    assert not list(home.iterdir())


def test_what_else_lies_in_a_home_is_not_judged(place: Path) -> None:
    (place / "home").mkdir()
    (place / "home" / "notes").symlink_to(place / "victim")
    own_home.require_own(place / "home")
    own_home.require_own(place / "not there yet")


@as_root
def test_a_home_that_cannot_be_entered_is_one_sentence_in_every_command_that_looks(place: Path) -> None:
    home = place / "home"
    (home / "postgres").mkdir(parents=True)
    home.chmod(0o700)
    with somebody_else(), pytest.raises(ServiceUnavailable, match=r"cannot be read by this user \(Permission denied\)"):
        deployment.require_home(Settings(home=home))


@as_root
def test_a_full_disk_is_called_full(place: Path) -> None:
    home = place / "home"
    home.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "none", home], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("nothing may be mounted here")
    try:
        with pytest.raises(ServiceUnavailable, match=f"^disk full: {home} has no room left"):
            embedded.hold(Settings(home=home))
    finally:
        until(lambda: subprocess.run(["umount", home], capture_output=True, check=False).returncode == 0, "it is idle")
