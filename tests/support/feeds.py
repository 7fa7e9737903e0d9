"""A V3 package source on this machine, with the nuspecs of made-up packages, behind a password if asked."""

import base64
from html import escape
from typing import Any

from tests.support.answers import Answer
from tests.support.hostile import HostileServer

CONTENT = "/flat/"


def nuspec(
    package_id: str,
    version: str,
    expression: str | None = None,
    file: str | None = None,
    url: str | None = None,
) -> bytes:
    """A nuspec as NuGet packs it."""
    said = ""
    if expression is not None:
        said = f'<license type="expression">{escape(expression)}</license>'
        url = url or f"https://licenses.nuget.org/{expression}"
    if file is not None:
        said = f'<license type="file">{escape(file)}</license>'
        url = url or "https://aka.ms/deprecateLicenseUrl"
    if url is not None:
        said += f"<licenseUrl>{escape(url)}</licenseUrl>"
    return (
        '\ufeff<?xml version="1.0" encoding="utf-8"?>\n'
        '<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata minClientVersion="2.12">'
        f"<id>{escape(package_id)}</id><version>{escape(version)}</version><authors>somebody</authors>{said}"
        "<description>made up</description></metadata></package>"
    ).encode()


class LocalFeed(HostileServer):
    """The source; its service index is at `index`."""

    def __init__(self, *, latency: float = 0.0) -> None:
        super().__init__(latency=latency)
        self.versions: dict[str, list[str]] = {}

    def start(self) -> "LocalFeed":
        super().start()
        resources = [
            {"@id": self.url("/query"), "@type": "SearchQueryService"},
            {"@id": self.url("/registration/"), "@type": "RegistrationsBaseUrl/3.6.0"},
            {"@id": self.url(CONTENT), "@type": "PackageBaseAddress/3.0.0"},
        ]
        self.put("/v3/index.json", {"version": "3.0.0", "resources": resources})
        return self

    def __enter__(self) -> "LocalFeed":
        return self.start()

    @property
    def index(self) -> str:
        """The address of the service index."""
        return self.url("/v3/index.json")

    def add(
        self,
        package_id: str,
        version: str,
        expression: str | None = None,
        *,
        file: str | None = None,
        url: str | None = None,
    ) -> None:
        """A package version with what it declares."""
        name, key = package_id.lower(), version.lower().partition("+")[0]
        self.put(f"{CONTENT}{name}/{key}/{name}.nuspec", nuspec(package_id, version, expression, file, url))
        listed = self.versions.setdefault(name, [])
        listed.append(key)
        self.put(f"{CONTENT}{name}/index.json", {"versions": listed})

    def carry(self, package_id: str, version: str, text: bytes, **behaviour: Any) -> None:
        """A version that declares a license file, with that file inside."""
        self.add(package_id, version, file="LICENSE")
        path = f"{CONTENT}{package_id.lower()}/{version.lower()}/license"
        self.put(path, text, content_type="text/plain", **behaviour)

    @property
    def license_files(self) -> list[str]:
        """The license files that were asked for, in order."""
        return [request.path for request in self.requests if request.path.endswith("/license")]

    @property
    def looked_up(self) -> list[str]:
        """The nuspecs that were asked for, in order."""
        return [request.path for request in self.requests if request.path.endswith(".nuspec")]


def guarded(feed: LocalFeed, user: str, password: str) -> dict[str, str]:
    """Every document of the source moves behind a password; the header that opens them."""
    word = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    for path, answers in list(feed._scripts.items()):
        feed.put(path, answers[0].body)
    feed.fallback = lambda _: Answer(status=401)
    return {"authorization": word}
