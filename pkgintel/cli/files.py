"""Documents to a file or to stdout: a file is replaced when the document is whole, and never before."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from pkgintel.errors import SettingsError
from pkgintel.text import plain


def put(place: Path | None, document: str | bytes) -> None:
    """Write a document to a file, to stdout where that is None. Raises: SettingsError."""
    if place is not None:
        _write(place, document)
    else:
        click.echo(_bytes(document), nl=False)


def _write(place: Path, document: str | bytes) -> None:
    try:
        if place.exists() and not place.is_file():
            place.write_bytes(_bytes(document))  # A pipe or a device is written to, and never replaced.
            return
    except OSError as error:
        raise SettingsError(f"{plain(place, 300)} cannot be written: {error.strerror}.") from None
    with _whole(place.resolve()) as file:
        file.write_bytes(_bytes(document))


def _bytes(document: str | bytes) -> bytes:
    return document if isinstance(document, bytes) else document.encode("utf-8", "replace")


@contextmanager
def _whole(place: Path) -> Iterator[Path]:
    """A file that takes the place of another when it is whole, and never before. Raises: SettingsError."""
    made: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
        os.close(handle)
        made = Path(name)
        yield made
        made.chmod(0o666 & ~_umask())
        made.replace(place)
    except OSError as error:
        raise SettingsError(f"{plain(place, 300)} cannot be written: {error.strerror}.") from None
    finally:
        if made is not None:
            with suppress(OSError):
                made.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
