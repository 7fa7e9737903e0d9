"""A license file out of a package, asked for in parts: few requests, and one outcome for whatever a server does."""

import struct
from collections.abc import Callable
from zipfile import ZIP_BZIP2, ZIP_STORED

import pytest

from pkgintel.upstream import nupkg
from pkgintel.upstream.client import Client
from pkgintel.upstream.files import Look, Manners
from pkgintel.upstream.slots import LocalLimit
from tests.support.answers import Answer
from tests.support.archives import archive
from tests.support.hostile import HostileServer

TEXT = b"Permission is hereby granted, free of charge\n" * 20
NAME = "LICENSE.txt"
LISTED = b"PK\x01\x02"  # What the list says of a file begins with this; what stands before the file itself, with LOCAL.
LOCAL = b"PK\x03\x04"
END = b"PK\x05\x06"


def changed(body: bytes, mark: bytes, offset: int, pattern: str, value: int) -> bytes:
    """`body` with a number in the last record that begins with `mark`."""
    found = bytearray(body)
    struct.pack_into(pattern, found, body.rindex(mark) + offset, value)
    return bytes(found)


def in_list(offset: int, pattern: str, value: int) -> bytes:
    return changed(archive({NAME: TEXT}), LISTED, offset, pattern, value)


def in_end(offset: int, pattern: str, value: int) -> bytes:
    return changed(archive({NAME: TEXT}), END, offset, pattern, value)


@pytest.fixture
def ask(client: Client, server: HostileServer, path: str) -> Callable[..., Look]:
    """Serve the answers, and look for a file in them."""

    def asking(*answers: Answer, name: str = NAME) -> Look:
        server.script(path, answers)

        def allows(url: str) -> str | None:
            return None if url.startswith(server.origin) else "it lies elsewhere"

        return nupkg.look(client, server.url(path), name, Manners(allows, LocalLimit(2), public=False))

    return asking


def ranged(body: bytes, **behaviour: object) -> Answer:
    return Answer(body, ranges=True, **behaviour)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "requests"),
    [
        pytest.param(archive({NAME: TEXT}), 1, id="small"),
        pytest.param(archive({NAME: TEXT}, method=ZIP_STORED), 1, id="stored"),
        pytest.param(archive({NAME: TEXT}, comment=b"c" * 65_535), 2, id="longest comment"),
        pytest.param(archive({NAME: TEXT}, around=70_000), 3, id="two ends that meet nearly"),
        pytest.param(archive({NAME: TEXT}, around=300_000), 3, id="large"),
        pytest.param(archive({NAME: TEXT}, around=300_000, listed=2_000), 4, id="long list"),
        pytest.param(b"MZ" * 500 + archive({NAME: TEXT}), 1, id="behind something else"),
    ],
)
def test_it_takes_few_requests(
    ask: Callable[..., Look], server: HostileServer, path: str, body: bytes, requests: int
) -> None:
    look = ask(ranged(body, headers={"ETag": '"a"'}))
    assert (look.outcome, look.body, look.error) == ("have", TEXT, None)
    assert look.answered == f"{server.url(path)}#{NAME}"
    assert server.count(path) == requests
    assert {one.headers["accept-encoding"] for one in server.requests if one.path == path} == {"identity"}


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("docs/LICENSE.txt", r"docs\license.TXT"),
        (r"docs\LICENSE.txt", "docs/LICENSE.txt"),
        ("LICENSE%20it.txt", "LICENSE it.txt"),
        ("100%.txt", "100%.txt"),
        ("/LICENSE.txt", "./LICENSE.txt"),
        ("LİCENSE.txt", "LİCENSE.txt"),
    ],
)
def test_one_file_however_its_name_is_spelled(ask: Callable[..., Look], inside: str, said: str) -> None:
    look = ask(ranged(archive({"other.txt": b"x", inside: TEXT, "license/": b""})), name=said)
    assert (look.outcome, look.body) == ("have", TEXT)


OTHER_TEXT = b"All rights reserved."


@pytest.mark.parametrize(
    "body",
    [
        archive({NAME: TEXT, "license.TXT": OTHER_TEXT}),
        archive({"license.TXT": TEXT, NAME: OTHER_TEXT}),
        archive({NAME: TEXT, "LICENSE.tx2": OTHER_TEXT}).replace(b"LICENSE.tx2", NAME.encode()),
        archive({f"./{NAME}": TEXT, NAME: OTHER_TEXT}),
    ],
    ids=["in another case", "the other case first", "the same name", "another spelling"],
)
def test_of_files_with_one_name_the_first_counts(ask: Callable[..., Look], body: bytes) -> None:
    look = ask(ranged(body))
    assert (look.outcome, look.body, look.error) == ("have", TEXT, None)


def test_a_server_without_ranges_is_heard_out_when_the_package_is_small(ask: Callable[..., Look]) -> None:
    assert ask(Answer(archive({NAME: TEXT}, around=300_000))).body == TEXT


def test_a_redirect_is_followed_once_for_all_parts(ask: Callable[..., Look], server: HostileServer, path: str) -> None:
    server.put(f"{path}-there", archive({NAME: TEXT}, around=300_000), ranges=True)
    look = ask(Answer(redirect=server.url(f"{path}-there")))
    assert (look.body, look.answered) == (TEXT, f"{server.url(path)}-there#{NAME}")
    assert (server.count(path), server.count(f"{path}-there")) == (1, 3)


LARGE = archive({NAME: TEXT}, around=300_000)
BROKEN = "the package is no archive that can be read"
OTHER = "it answered with another part of the package than was asked for"


@pytest.mark.parametrize(
    ("answers", "outcome", "error"),
    [
        pytest.param([Answer(status=404)], "missing", "it answered 404", id="no package"),
        pytest.param([Answer(status=403)], "refused", "it answered 403", id="forbidden"),
        pytest.param([Answer(status=416)], "refused", "it answered 416", id="no such part"),
        pytest.param([Answer(status=503)], "trouble", "it answered 503", id="out"),
        pytest.param([Answer(bytes(5_000_000))], "refused", "is larger than 4,000,000 bytes", id="no ranges, large"),
        pytest.param([Answer(endless=bytes(9_000), until_close=True)], "refused", "larger than", id="endless"),
        pytest.param([Answer(redirect="http://127.0.0.2:1/x")], "refused", "redirect was not followed", id="elsewhere"),
        pytest.param([ranged(LARGE), Answer(status=404)], "missing", "it answered 404", id="gone between parts"),
        pytest.param([ranged(LARGE), Answer(LARGE)], "refused", "it answered 200 to a request for", id="whole later"),
        pytest.param([ranged(LARGE), Answer(status=304)], "refused", "it answered 304 to a request", id="unchanged"),
        pytest.param(
            [ranged(LARGE, headers={"ETag": '"a"'}), ranged(LARGE, headers={"ETag": '"b"'})],
            "trouble", "the package changed while it was read", id="another ETag",
        ),
        pytest.param([ranged(LARGE), ranged(LARGE + b"x")], "trouble", "the package changed", id="another size"),
        pytest.param([Answer(LARGE, status=206)], "refused", OTHER, id="no Content-Range"),
        pytest.param(
            [ranged(LARGE, headers={"Content-Range": "bytes 0-1/9999999999"})], "refused", OTHER, id="another part"
        ),
        pytest.param(
            [ranged(LARGE, headers={"Content-Encoding": "gzip"})], "trouble", "body was cut short", id="packed"
        ),
        pytest.param([ranged(LARGE, close_after=99)], "trouble", "the body was cut short", id="cut short"),
        pytest.param([ranged(LARGE, reset_after=99)], "trouble", "the body was cut short", id="reset"),
        pytest.param([Answer(hang=True)], "trouble", "no answer in time", id="silent"),
        pytest.param([ranged(b"")], "refused", OTHER, id="empty"),
        pytest.param([ranged(b"<html>no package</html>")], "refused", BROKEN, id="a page"),
        pytest.param([ranged(bytes(300_000))], "refused", BROKEN, id="noughts"),
        pytest.param([ranged(LARGE[:-30])], "refused", BROKEN, id="truncated"),
    ],
)  # fmt: skip
def test_whatever_a_server_does_is_an_outcome(
    ask: Callable[..., Look], answers: list[Answer], outcome: str, error: str
) -> None:
    look = ask(*answers)
    assert (look.outcome, look.body) == (outcome, None)
    assert error in (look.error or "")


@pytest.mark.parametrize(
    ("body", "outcome", "error"),
    [
        pytest.param(archive({"other.txt": TEXT}), "missing", "the package has no file 'LICENSE.txt'", id="not there"),
        pytest.param(archive({NAME: bytes(9_000_000)}), "refused", "larger than 1,000,000 bytes", id="bomb"),
        pytest.param(
            changed(archive({NAME: bytes(9_000_000)}), LISTED, 24, "<I", 999_999), "refused", BROKEN, id="false bomb"
        ),
        pytest.param(in_list(24, "<I", 10), "refused", BROKEN, id="longer than it says"),
        pytest.param(in_list(24, "<I", 90_000), "refused", "not as long as", id="shorter than it says"),
        pytest.param(in_list(20, "<I", 5), "refused", BROKEN, id="fewer packed bytes"),
        pytest.param(in_list(20, "<I", 900_000_000), "refused", "larger than 1,000,000 bytes", id="too many packed"),
        pytest.param(in_list(16, "<I", 7), "refused", BROKEN, id="another checksum"),
        pytest.param(in_list(42, "<I", 30), "refused", BROKEN, id="wrong offset"),
        pytest.param(in_list(42, "<I", 2**31), "refused", BROKEN, id="offset behind the end"),
        pytest.param(in_list(8, "<H", 1), "refused", "is encrypted", id="encrypted"),
        pytest.param(in_list(8, "<H", 1 << 6), "refused", BROKEN, id="strongly encrypted"),
        pytest.param(in_list(10, "<H", 99), "refused", "compressed by method 99", id="unknown method"),
        pytest.param(in_list(6, "<H", 99), "refused", BROKEN, id="another version of zip"),
        pytest.param(archive({NAME: TEXT}, method=ZIP_BZIP2), "refused", "compressed by method 12", id="bzip2"),
        pytest.param(changed(archive({NAME: TEXT}), LOCAL, 30, "<B", 65), "refused", BROKEN, id="another name"),
        pytest.param(in_end(12, "<I", 2**32 - 2), "refused", BROKEN, id="a list of 4 GB"),
        pytest.param(in_end(16, "<I", 2**32 - 2), "refused", BROKEN, id="a list that begins behind the end"),
        pytest.param(in_end(12, "<I", 3), "refused", BROKEN, id="a list cut short"),
        pytest.param(
            changed(bytes(4_100_000) + archive({NAME: TEXT}), END, 12, "<I", 4_100_000),
            "refused", "list of files is larger than 4,000,000 bytes", id="a list of 4 MB",
        ),
    ],
)  # fmt: skip
def test_whatever_an_archive_says_is_an_outcome(
    ask: Callable[..., Look], server: HostileServer, path: str, body: bytes, outcome: str, error: str
) -> None:
    look = ask(ranged(body))
    assert (look.outcome, look.body) == (outcome, None)
    assert error in (look.error or "")
    assert server.count(path) <= nupkg.MOST_REQUESTS


def test_a_package_of_more_than_4_gb_is_left_alone(ask: Callable[..., Look]) -> None:
    said = f"bytes 0-{nupkg.END - 1}/{2**40}"
    look = ask(Answer(bytes(nupkg.END), status=206, headers={"Content-Range": said}))
    assert (look.outcome, look.error) == ("refused", "the package is larger than 4,294,967,296 bytes")


@pytest.mark.parametrize("name", ["../LICENSE", r"docs\..\..\LICENSE", "/", ".", ""])
def test_a_name_that_is_no_path_in_it_asks_nobody(
    ask: Callable[..., Look], server: HostileServer, path: str, name: str
) -> None:
    look = ask(ranged(archive({NAME: TEXT})), name=name)
    assert look.outcome == "refused"
    assert "is no path in it" in (look.error or "")
    assert server.count(path) == 0


def test_a_host_that_asks_for_quiet_is_heard(ask: Callable[..., Look]) -> None:
    look = ask(ranged(LARGE), Answer(status=429, retry_after=77))
    assert (look.outcome, look.pause) == ("trouble", 77.0)
