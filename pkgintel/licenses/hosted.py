"""License files on code hosts: the one address of a file's bytes, for every way to write where it lies.

Only hosts that are named here are ever asked. The case of a path is kept, for branches and files have it.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urlsplit

MAX_LENGTH = 2_000  # characters

GITHUB_RAW = "raw.githubusercontent.com"
# Hosts of one family hold the same repositories, so a redirect between them stays with the owner.
FAMILIES = {
    GITHUB_RAW: "github.com",
    "raw.github.com": "github.com",
    "raw2.github.com": "github.com",
    "github.com": "github.com",
    "gitlab.com": "gitlab.com",
    "bitbucket.org": "bitbucket.org",
}
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_SAFE = "!$&'()*+,;=:@~"


@dataclass(frozen=True, slots=True)
class HostedFile:
    """A file of a repository: `url` answers with its bytes, `owner` ("github.com/contoso") may change them.

    `pinned` says that the address names a commit, so that its bytes never change.
    """

    url: str
    host: str
    owner: str
    pinned: bool


def hosted(url: str) -> HostedFile | None:
    """The file that a license URL points at; None for all that is no file on a host that may be asked. Never raises.

    Source of the forms: docs.github.com "Getting permanent links to files", docs.gitlab.com "Repository files".
    """
    text = url.strip()
    if not text or len(text) > MAX_LENGTH or _FORBIDDEN.search(text):
        return None
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    host = _host(parts)
    if (
        host is None
        or parts.scheme.lower() not in ("http", "https")
        or "@" in parts.netloc
        or port not in (None, 80, 443)
    ):
        return None
    path = [unquote(part, errors="replace") for part in parts.path.split("/") if part]
    if any(part in (".", "..") or "/" in part or _FORBIDDEN.search(part.replace(" ", "")) for part in path):
        return None
    return _file(host, path)


def owner_of(url: str) -> str | None:
    """Whose files the address holds, "github.com/contoso"; None where no code host is named."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    host, first = _host(parts), parts.path.lstrip("/").partition("/")[0].lower()
    return f"{FAMILIES[host]}/{first}" if host is not None and first else None


def _host(parts: SplitResult) -> str | None:
    """The code host that an address names; None for any other."""
    host = parts.hostname.removesuffix(".").removeprefix("www.") if parts.hostname else None
    return host if host in FAMILIES else None


def _file(host: str, path: list[str]) -> HostedFile | None:
    if host.startswith("raw"):
        found = (GITHUB_RAW, path[:2], path[2:])
    elif host == "gitlab.com":
        split = _forms(path, ("raw", "blob"))
        if split is None:
            return None
        at = path[:split] if path[split - 1] != "-" else path[: split - 1]
        found = (host, [*at, "-", "raw"], path[split + 1 :])
    else:
        split = 2
        if len(path) < 3 or path[2] not in (("raw", "blob") if host == "github.com" else ("raw", "src")):
            return None
        found = (GITHUB_RAW, path[:2], path[3:]) if host == "github.com" else (host, [*path[:2], "raw"], path[3:])
    name, at, rest = found
    if name == GITHUB_RAW and rest[:2] in (["refs", "heads"], ["refs", "tags"]):
        rest = rest[2:]
    if len(at) < 2 or len(rest) < 2:
        return None
    address = "/".join(quote(part, safe=_SAFE) for part in (*at, *rest))
    owner = f"{FAMILIES[name]}/{at[0].lower()}"
    return HostedFile(f"https://{name}/{address}", name, owner, bool(_COMMIT.fullmatch(rest[0])))


def _forms(path: list[str], forms: tuple[str, ...]) -> int | None:
    """Where one of the words stands that separate a project of GitLab's from a ref; the project may lie deep."""
    for place, part in enumerate(path):
        if place >= 2 and part in forms:
            return place
    return None
