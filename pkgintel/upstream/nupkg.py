"""A license file out of a package that lies elsewhere, by HTTP ranges, so that little of a large package is asked for.

`zipfile` reads the archive, from a file whose bytes are asked for as they are read; it is never given more than the
limits here, and nothing of the archive is believed but the bytes of one file whose checksum is right.
"""

import re
import struct
import zlib
from typing import NoReturn
from urllib.parse import quote, unquote
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, LargeZipFile, ZipFile, ZipInfo

from pkgintel.licenses.texts.decode import MAX_BYTES
from pkgintel.upstream import files
from pkgintel.upstream.client import Client
from pkgintel.upstream.files import Look, Manners, Outcome, Wanted

# The end of an archive: its last record with the longest comment, and the two of ZIP64 before it.
# Source: PKWARE's APPNOTE.TXT, sections 4.3.14 to 4.3.16.
END = 22 + 65_535 + 20 + 56
MOST_DIRECTORY = 4_000_000  # Bytes of an archive's list of files.
MOST_AT_ONCE = 4_000_000  # Bytes of one answer, so of a package that is answered whole as well.
MOST_PACKAGE = 2**32  # Bytes.
MOST_REQUESTS = 5  # Mostly one for a small package; beginning, end and file for others, and the list where it is long.
# Bytes before a file's own, its name left out: what the list says of extra fields need not be true.
HEADER = 30 + 1_000

_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})", re.ASCII)
# What `zipfile` raises for an archive that is none, or not as it says. RuntimeError: for what it cannot read.
_BROKEN = (BadZipFile, LargeZipFile, EOFError, LookupError, OSError, RuntimeError, ValueError, struct.error, zlib.error)


def look(client: Client, url: str, name: str, manners: Manners) -> Look:
    """Look for the file `name`, as a nuspec spells it, in the package at `url`. Never raises for what a server does.

    `answered` is the address of the package with the file's name behind "#".
    Raises: UpstreamUnavailable, ServiceUnavailable when the fleet's limit gives no slot.
    """
    package = _Package(client, url, manners)
    try:
        wanted = _plain(name)
        if wanted is None:
            package.end("refused", f"the package calls its license file {name[:200]!r}, which is no path in it")
        return _read(package, wanted, name)
    except _Ended as ended:
        return ended.look
    except _BROKEN:
        return package.ended("refused", "the package is no archive that can be read")


def _read(package: "_Package", wanted: str, name: str) -> Look:
    package.open()
    with ZipFile(package) as archive:
        entry = _first(package, archive.infolist(), wanted, name)
        _check(package, entry)
        start = entry.header_offset
        package.have(start, start + HEADER + len(entry.orig_filename.encode()) + entry.compress_size)
        with archive.open(entry) as file:
            body = file.read(MAX_BYTES + 1)
    if len(body) != entry.file_size:
        package.end("refused", "the license file in the package is not as long as the package says")
    where = f"{package.address}#{quote(entry.orig_filename[:500])}"
    return Look("have", package.url, package.status, where, body=body)


def _first(package: "_Package", listed: list[ZipInfo], wanted: str, name: str) -> ZipInfo:
    """The first of the archive's list that has the name: later ones, in another case or the same, are not looked at."""
    found = next((one for one in listed if _is(one, wanted)), None)
    if found is None:
        package.end("missing", f"the package has no file {name[:200]!r}")
    return found


def _check(package: "_Package", entry: ZipInfo) -> None:
    """End the look where the archive's list says that a file cannot be read within the limits."""
    if max(entry.file_size, entry.compress_size - MAX_BYTES // 100) > MAX_BYTES:
        package.end("refused", f"the license file in the package is larger than {MAX_BYTES:,} bytes")
    if entry.flag_bits & 1:
        package.end("refused", "the license file in the package is encrypted")
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        package.end("refused", f"the license file in the package is compressed by method {entry.compress_type}")


def _is(entry: ZipInfo, wanted: str) -> bool:
    """Whether an archive's file is the one: in any case, with either slash, escaped as an address or not.

    Source: ECMA-376 part 2, "Mapping part names to ZIP item names": names are compared without case, and escaped.
    """
    name = entry.orig_filename
    return not entry.is_dir() and (_plain(name) == wanted or ("%" in name and _plain(unquote(name)) == wanted))


def _plain(name: str) -> str | None:
    """The one spelling of a path in an archive; None where it is none, or leads out of it."""
    steps = [step for step in name.replace("\\", "/").split("/") if step not in ("", ".")]
    return None if not steps or ".." in steps else "/".join(steps).casefold()


class _Ended(Exception):
    """The look is over before its file was read."""

    def __init__(self, look: Look) -> None:
        super().__init__(look.error)
        self.look = look


class _Package:
    """A package as a file to read and seek in; what is not here yet of it is asked for. Raises: _Ended."""

    def __init__(self, client: Client, url: str, manners: Manners) -> None:
        self._client, self._manners = client, manners
        self.url = self.address = url  # `address`: where it was found.
        self.status: int | None = None
        self._mark: tuple[int, str | None] = 0, None  # Its size, and its ETag.
        self._held: list[tuple[int, bytes]] = []
        self._at = self._requests = 0

    def open(self) -> None:
        """Find the package; its beginning tells how long it is, and its end is here then.

        The end cannot be asked for first: Azure's blob storage, where nuget.org has its packages, knows no ranges that
        count from behind. Source: Microsoft's "Specifying the range header for Blob service operations".
        """
        self._ask(0, END)
        size = self._mark[0]
        if size > MOST_PACKAGE:
            self.end("refused", f"the package is larger than {MOST_PACKAGE:,} bytes")
        self.have(max(size - END, 0), size)

    def have(self, start: int, end: int) -> None:
        """Have the bytes from `start` to before `end` here, those behind the package left out, by one request at most.

        Raises: ValueError for bytes before it.
        """
        if start < 0:
            raise ValueError("before the beginning")
        end = min(end, self._mark[0])
        while start < end and (part := self._part(start)):
            start += len(part)
        if start < end:
            self._ask(start, end)

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where it is read from."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go on reading elsewhere. Raises: ValueError where no byte is."""
        at = offset + (0, self._at, self._mark[0])[whence]
        if at < 0:
            raise ValueError("before the beginning")
        self._at = at
        return at

    def read(self, count: int = -1) -> bytes:
        """The next bytes, as many as there are."""
        end = self._mark[0] if count < 0 else min(self._at + count, self._mark[0])
        if end - self._at > MOST_DIRECTORY:
            self.end("refused", f"the package's list of files is larger than {MOST_DIRECTORY:,} bytes")
        self.have(self._at, end)
        parts = []
        while self._at < end:
            parts.append(self._part(self._at)[: end - self._at])
            self._at += len(parts[-1])
        return b"".join(parts)

    def close(self) -> None:
        """Nothing is open."""

    def ended(self, outcome: Outcome, error: str) -> Look:
        """The look that ends so."""
        return Look(outcome, self.url, self.status, self.address, error=error)

    def end(self, outcome: Outcome, error: str) -> NoReturn:
        """End the look."""
        raise _Ended(self.ended(outcome, error))

    def _part(self, at: int) -> bytes:
        """What is here of the package from `at` on without a gap, nothing where that byte is not."""
        return next((held[at - start :] for start, held in self._held if start <= at < start + len(held)), b"")

    def _ask(self, start: int, end: int) -> None:
        """Ask for the bytes from `start` to before `end`."""
        if self._requests == MOST_REQUESTS:
            self.end("refused", f"the package takes more than {MOST_REQUESTS} requests to read")
        first, self._requests = self._requests == 0, self._requests + 1
        wanted = Wanted(part=(start, end - 1), cap=MOST_AT_ONCE)
        reached = self._client.run(files.reach(self._client, self.address, self._manners, wanted))
        if isinstance(reached, Look):
            raise _Ended(reached)
        self.address, answer = reached
        self.status, body, etag = answer.status, answer.body, answer.header(b"etag")
        if answer.status == 200 and first:  # It knows no ranges, and the package is small.
            self._mark, self._held = (len(body), etag), [(0, body)]
            return
        if answer.status in (200, 304):
            self.end("refused", f"it answered {answer.status} to a request for a part")
        if answer.status != 206:
            raise _Ended(files.judged(self.url, self.address, answer))
        header = answer.header(b"content-range")
        said = _CONTENT_RANGE.fullmatch(header) if header else None
        came, last, size = map(int, said.groups()) if said else (0, 0, 0)
        if not (came == start and last == min(end, size) - 1 and len(body) == last + 1 - start):
            self.end("refused", "it answered with another part of the package than was asked for")
        if not first and self._mark != (size, etag):
            self.end("trouble", "the package changed while it was read")
        self._mark = size, etag
        self._held.append((start, body))
