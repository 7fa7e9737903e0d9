"""Documents to a file or to stdout: a file is replaced when the document is whole, and never before."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

import click

from pkgintel.errors import SettingsError
from pkgintel.text import plain

_BLOCK = 100_000  # Bytes that are written at once, or more.
Document: TypeAlias = str | bytes | Iterable[str | bytes]


def put(place: Path | None, document: Document) -> None:
    """Write a document, whole or in parts, to a file, to stdout where that is None. Raises: SettingsError."""
    if place is not None:
        _write(place, document)
    else:
        for block in _blocks(document):
            click.echo(block, nl=False)


def _write(place: Path, document: Document) -> None:
    try:
        if place.exists() and not place.is_file():
            _into(place, document)  # A pipe or a device is written to, and never replaced.
            return
    except OSError as error:
        raise SettingsError(f"{plain(place, 300)} cannot be written: {error.strerror}.") from None
    with _whole(place.resolve()) as file:
        _into(file, document)


def _into(place: Path, document: Document) -> None:
    with place.open("wb") as file:
        file.writelines(_blocks(document))


def _blocks(document: Document) -> Iterator[bytes]:
    """The document in UTF-8, small parts put together."""
    waiting = bytearray()
    for part in (document,) if isinstance(document, str | bytes) else document:
        waiting += part if isinstance(part, bytes) else part.encode("utf-8", "replace")
        if len(waiting) >= _BLOCK:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


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
