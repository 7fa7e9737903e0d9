"""`pkgintel texts`: which licenses the texts of files hold, word for word; the stored ones are `stored_texts`'."""

from pathlib import Path

import click
from pydantic import JsonValue

from pkgintel import settings
from pkgintel.cli import stored_texts
from pkgintel.cli.screen import emit, say
from pkgintel.errors import SettingsError
from pkgintel.licenses import rows
from pkgintel.licenses.meaning import Reader
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.texts import library
from pkgintel.licenses.texts.decode import MAX_BYTES
from pkgintel.licenses.texts.reading import Reading, read
from pkgintel.licenses.texts.verdict import verdict_of
from pkgintel.text import many, plain

SHOWN_DIFFERENCES = 5


def bytes_of(path: Path) -> bytes:
    """The bytes of a file, at most one more than the reader takes.

    Raises: SettingsError when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None


def list_of(spdx: Path | None) -> LicenseList:
    """The SPDX list of a file, else the one that the text data was made with.

    Raises: SettingsError when the file is no SPDX list.
    """
    return rows.read_license_list(spdx) if spdx else library.license_list()


def shown(path: Path, reading: Reading, verdict: str) -> list[str]:
    """A reading as lines for the screen."""
    what = plain(reading.expression, 200) or "-"
    how = f"{reading.method} {reading.similarity:.3f}" if reading.method else reading.status
    lines = [f"{verdict:<12} {what:<28} {how:<16} {plain(path, 300)}"]
    if reading.why:
        lines.append(f"    {plain(reading.why, 300)}")
    for one in reading.differences[:SHOWN_DIFFERENCES]:
        parts = [f"… {plain(one.after, 60)}"] if one.after else []
        parts += [f"[-{plain(one.missing, 200)}-]"] if one.missing else []
        parts += [f"[+{plain(one.added, 200)}+]"] if one.added else []
        lines.append(f"    {' '.join(parts)}")
    if len(reading.differences) > SHOWN_DIFFERENCES:
        lines.append(f"    and {many(len(reading.differences) - SHOWN_DIFFERENCES, 'further difference')}")
    return lines


@click.group("texts")
def group() -> None:
    """A text is a license if every word that differs from it is explained."""


@group.command("read")
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--spdx", type=click.Path(path_type=Path), help="The SPDX list to judge by: a licenses.json.")
def read_command(paths: tuple[Path, ...], as_json: bool, spdx: Path | None) -> None:
    """Read license texts, word for word. Needs no database and no network.

    A text is a license if every word that differs from it is explained; if one is not, the verdict is unknown and the
    words are shown: [-missing-] [+added+]. Without --spdx the list is the one that the text data was made with.

    Exit codes: 0 read, whatever the verdicts are; 2 a path that cannot be read, or no SPDX list in --spdx.
    """
    reader = Reader(list_of(spdx), settings.load().license_policy)
    readings: list[JsonValue] = []
    for path in paths:
        reading = read(bytes_of(path))
        verdict = verdict_of(reading, reader)
        readings.append({"file": str(path), **reading.evidence(), "verdict": verdict})
        if not as_json:
            for line in shown(path, reading, verdict):
                say(line)
    if as_json:
        emit({"readings": readings})


for stored in (stored_texts.list_command, stored_texts.show_command, stored_texts.accept_command):
    group.add_command(stored)
