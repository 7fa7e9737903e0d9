"""`pkgintel policy`: check a policy file, and write an exception with its guard."""

import getpass
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import click

from pkgintel import settings
from pkgintel.audit import entries, license_list, session, terms
from pkgintel.audit import policy as policies
from pkgintel.audit.license_list import ListSources
from pkgintel.audit.policy import SOON
from pkgintel.audit.session import Options
from pkgintel.cli.files import put
from pkgintel.cli.screen import say
from pkgintel.errors import SettingsError
from pkgintel.text import many, plain


@click.group("policy")
def group() -> None:
    """The policy is pkgintel-policy.toml; `pkgintel audit` decides by it."""


@group.command("check")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--spdx", type=click.Path(path_type=Path), help="An SPDX licenses.json to look names up in.")
def check(path: Path | None, spdx: Path | None) -> None:
    """Is a policy well-formed, and does every license in it exist?

    PATH is a policy, or a directory whose policy is checked. Default: this directory.

    Nothing is sent. Exit codes: 0 it is; 1 an exception has ended; 2 it is wrong.
    """
    today = datetime.now(UTC).date()
    found = _in_force(path)
    policy = policies.read(found, today)
    given = settings.load()
    listed = license_list.load(ListSources(given, spdx, None, None), lambda line: say(plain(line), err=True))
    terms.require_known([*policy.allow, *policy.deny], str(found), listed)
    ended = [one for one in policy.exceptions if one.until < today]
    for one in policy.exceptions:
        left = (one.until - today).days
        if one in ended:
            say(f"exception-expired: {plain(one.package, 120)} ended on {one.until.isoformat()}")
        elif one.until - today <= SOON:
            say(f"exception-ends-soon: {plain(one.package, 120)} ends in {many(left, 'day')}")
        if one.declares is None:
            say(f"exception-unguarded: {plain(one.package, 120)} holds whatever it declares: `declares` is the guard")
    say(f"{found}: {many(len(policy.exceptions), 'exception')}, {many(len(ended), 'of them ended', 'of them ended')}.")
    sys.exit(1 if ended else 0)


def _in_force(path: Path | None) -> Path:
    if path is not None and not path.is_dir():
        return path
    found = policies.find(path if path is not None else Path())
    if found is None:
        where = "here" if path is None else f"in {plain(str(path), 200)}"
        raise SettingsError(f"There is no {policies.NAME} {where} or above.")
    return found


@group.command("except")
@click.argument("package_id", metavar="ID")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--reason", required=True, help="Why its verdict is accepted.")
@click.option("--until", required=True, metavar="DAY", help="The last day that it holds, such as 2027-03-31.")
@click.option("--by", help="Who accepts it. Default: user.email of git, else your login.")
@click.option("--versions", metavar="RANGE", help="A NuGet range. Default: all versions.")
@click.option("--policy", "file", type=click.Path(path_type=Path), help="Default: the policy in force here.")
@click.option("--source", metavar="URL", help="As for `pkgintel audit`.")
@click.option("--offline", is_flag=True, help="As for `pkgintel audit`.")
@click.option("--no-database", is_flag=True, help="As for `pkgintel audit`.")
def except_(
    package_id: str,
    paths: tuple[str, ...],
    reason: str,
    until: str,
    by: str | None,
    versions: str | None,
    file: Path | None,
    source: str | None,
    offline: bool,
    no_database: bool,
) -> None:
    """Write an exception for a package that PATH requires, guarded by what it declares today."""
    now = datetime.now(UTC).date()
    last = _day(until, now)
    options = Options(
        paths=paths or (".",), policy=file if file is not None and file.exists() else None,
        source=source, offline=offline, no_database=no_database,
    )  # fmt: skip
    report = session.audit(
        settings.load(), options, sys.stdin.buffer, lambda line: say(plain(line), err=True), lambda _done, _total: None
    )
    who = by if by is not None else _who()
    made = entries.for_package(report, package_id, reason, who, last, versions)
    place = file if file is not None else entries.file_for(session.folder(options.paths))
    whole, _ = entries.added(place, made, now)
    put(place, whole)
    say(entries.text(made).rstrip())
    say(f"written to {place}", err=True)


def _day(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"--until {plain(text, 40)} is no day such as 2027-03-31.") from None
    if day < today:
        raise SettingsError(f"--until {day.isoformat()} is over; the exception would hold for nothing.")
    return day


def _who() -> str:
    try:
        found = subprocess.run(["git", "config", "user.email"], capture_output=True, text=True, check=False, timeout=5)
        name = found.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        name = ""
    return name or getpass.getuser()
