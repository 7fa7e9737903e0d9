"""The sample catalog is served as the real one is."""

import gzip
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from pkgintel.cli.sample import command
from pkgintel.errors import SettingsError
from pkgintel.nuget import documents as catalog
from pkgintel.nuget.documents import Index
from pkgintel.sample.server import Server, serve
from pkgintel.sample.source import CATALOG_INDEX, SERVICE_INDEX, SPDX_LICENSES, Sample

BASE = "http://sample:8080"
Documents = Mapping[str, bytes]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


def connection(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)


def test_the_server_keeps_a_connection_alive(server: Server) -> None:
    client = connection(server)
    client.request("GET", SERVICE_INDEX)
    answer = client.getresponse()
    assert answer.status == 200
    assert answer.version == 11
    assert answer.headers["Content-Type"] == "application/json"
    index = json.loads(answer.read())
    used = client.sock
    address = next(entry["@id"] for entry in index["resources"] if entry["@type"] == "Catalog/3.0.0")
    assert address == f"http://127.0.0.1:{server.port}{CATALOG_INDEX}"
    for method in ("GET", "HEAD", "GET"):
        client.request(method, urlsplit(address).path + "?cache=busted")
        answer = client.getresponse()
        length = len(answer.read())
        assert answer.headers["Cache-Control"] == "no-store"
        assert length == (0 if method == "HEAD" else int(answer.headers["Content-Length"]))
    assert client.sock is used
    client.close()


def test_the_server_zips_when_asked(server: Server) -> None:
    client = connection(server)
    client.request("GET", CATALOG_INDEX)
    plain = client.getresponse().read()
    client.request("GET", CATALOG_INDEX, headers={"Accept-Encoding": "br, gzip"})
    answer = client.getresponse()
    assert answer.headers["Content-Encoding"] == "gzip"
    zipped = answer.read()
    assert len(zipped) < len(plain) / 2
    assert gzip.decompress(zipped) == plain
    client.request("GET", CATALOG_INDEX, headers={"Accept-Encoding": "gzip;q=0.0, identity"})
    answer = client.getresponse()
    assert answer.headers["Content-Encoding"] is None
    assert answer.read() == plain
    client.close()


def test_the_server_answers_a_conditional_get(server: Server) -> None:
    client = connection(server)
    client.request("GET", CATALOG_INDEX)
    answer = client.getresponse()
    answer.read()
    client.request("GET", CATALOG_INDEX, headers={"If-None-Match": answer.headers["ETag"]})
    again = client.getresponse()
    assert again.status == 304
    assert again.read() == b""
    client.request("GET", SPDX_LICENSES)
    assert len(client.getresponse().read()) > 100_000
    client.close()


def test_what_is_not_there_is_an_xml_error(server: Server) -> None:
    client = connection(server)
    for path in ("/v3/catalog0/data/2020.01.01.00.00.00/none.1.0.0.json", "/", "/../../etc/passwd"):
        client.request("GET", path)
        answer = client.getresponse()
        assert answer.status == 404
        assert answer.headers["Content-Type"] == "application/xml"
        assert b"<Code>BlobNotFound</Code>" in answer.read()
    client.close()


def test_64_connections_at_once(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    documents = Sample().documents(server.base_url)
    paths = list(documents)
    ready = threading.Barrier(64)

    def ask(number: int) -> int:
        client = connection(server)
        client.connect()
        ready.wait(timeout=20)
        for path in paths[number::64]:
            client.request("GET", path)
            assert client.getresponse().read() == documents[path]
        client.close()
        return len(paths[number::64])

    with ThreadPoolExecutor(64) as pool:
        assert sum(pool.map(ask, range(64))) == len(paths)
    # A client that hangs up in the middle of an answer or talks nonsense leaves no trace.
    for nonsense in (b"GET /spdx/licenses.json HTTP/1.1\r\n\r\n", b"\0\1\2\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port)) as rude:
            rude.sendall(nonsense)
    client = connection(server)
    client.request("GET", SERVICE_INDEX)
    assert client.getresponse().status == 200
    client.close()
    assert capfd.readouterr().err == ""


def test_publishing_the_second_stage() -> None:
    with serve(Sample(1), base_url=BASE) as running:
        client = connection(running)
        client.request("GET", CATALOG_INDEX)
        before = catalog.parse(Index, client.getresponse().read(), "")
        running.publish(2)
        client.request("GET", CATALOG_INDEX)
        after = catalog.parse(Index, client.getresponse().read(), "")
        client.close()
    assert running.url == BASE + SERVICE_INDEX
    assert len(after.pages) > len(before.pages)
    assert after.commit > before.commit
    assert all(page.url.startswith(BASE) for page in after.pages)


def test_closing_ends_connections_and_frees_the_port() -> None:
    running = serve()
    client = connection(running)
    client.request("GET", SERVICE_INDEX)
    client.getresponse().read()
    running.close()
    running.close()
    assert client.sock.recv(1) == b""
    client.close()
    with serve(port=running.port) as again:
        assert again.port == running.port


def test_a_port_in_use_is_one_sentence(server: Server) -> None:
    with pytest.raises(SettingsError, match=rf"cannot listen on 127\.0\.0\.1 port {server.port}: .* in use\.$"):
        serve(port=server.port)
    with pytest.raises(SettingsError):
        serve(host="192.0.2.1")
    failed = CliRunner().invoke(command, ["--port", str(server.port)])
    assert isinstance(failed.exception, SettingsError)


def test_the_command_serves_until_it_is_told_to_stop() -> None:
    arguments = ["--port", "0", "--stage", "2"]
    program = f"from pkgintel.cli.sample import command; command({arguments!r})"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/v3/index\.json", line)
        assert found, line
        client = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=10)
        client.request("GET", SERVICE_INDEX)
        assert client.getresponse().status == 200
        client.close()
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=10)
    assert (process.returncode, rest, errors) == (0, "", "")
