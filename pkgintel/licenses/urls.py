"""License URLs: one way to write each address, so that every spelling of a page finds it in the table of `pages`."""

import re
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

Kind: TypeAlias = Literal[
    "page",  # any other address
    "expression",  # licenses.nuget.org/EXPRESSION
    "license-in-file",  # aka.ms/deprecateLicenseUrl
    "gallery",  # a package's own page on nuget.org
    "project",  # a project's front page on a code host
    "project-file",  # a file on a branch or tag of a project
    "pinned-file",  # a file at a commit, by its whole id: a branch or a tag may be named like the first digits of it
    "placeholder",  # a template's text that nobody replaced
    "not-a-url",
]

MAX_LENGTH = 2_000  # characters

_ASCII_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_TWIN = re.compile(r"(?:/|\.(?:html?|txt|php|md))+$")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SLASHES = re.compile("/{2,}")
# What nearly all are: nothing in such a text has a second meaning, so that it is split as urlsplit does, and sooner.
_PLAIN = re.compile(r"(https?)://([a-z0-9.-]+)(/[a-z0-9._~/-]*)?", re.IGNORECASE | re.ASCII)
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")
_PLACEHOLDER = re.compile(
    r"license_?url|delete_?this|your_?license|someurl|^example\.|\.example(\.|$)|\.(test|invalid|localhost)$"
)
_TRACKING = re.compile(r"utm_\w+|clcid|fbclid|gclid|_ga")
_GNU_LANGUAGE = re.compile(r"(?:-standalone)?(?:\.[a-z]{2}(?:-[a-z]{2})?)?$")
_CC_DEED = re.compile(r"/(?:legalcode|deed)(?:\.[a-z_-]+)?$")
_CODE_HOST = re.compile(
    r"(?:.+\.)?(?:gitlab\.[a-z.-]+|gitlab\.com|bitbucket\.org|sourceforge\.net|codeberg\.org|gitee\.com)"
)
_SAME_FILE = frozenset({"", "raw=true", "raw=1", "plain=1"})  # The queries with which GitHub shows the same file.
_FILE = frozenset({"blob", "raw"})
_GITHUB_RAW = frozenset({"raw.githubusercontent.com", "raw.github.com", "raw2.github.com"})


@dataclass(frozen=True, slots=True)
class Address:
    """A URL as the table knows it. `key` is empty for what is not a URL; `expression` is set for that kind only.

    `file` is the exact address of a file on GitHub: branch and path keep their case, dot segments and doubled slashes
    stay, so that none of them is taken for another file. It is empty for an encoded slash or an unknown query.
    """

    kind: Kind
    key: str = ""
    expression: str = ""
    file: str = ""


@lru_cache(maxsize=1024)  # One URL is asked about several times, to find its eras and for the verdict of each.
def read(url: str) -> Address:
    """What kind of address a text is, and its key: equal for two spellings of one page. Never raises.

    Made equal: scheme, `www.`, case, default ports, trailing slash, fragment, percent-encoding, the .html/.htm/.txt/
    .php/.md twins, a query's order and tracking parts, raw and blob addresses of one GitHub file.
    """
    text = url.strip()
    if not text or len(text) > MAX_LENGTH or _FORBIDDEN.search(text):
        return Address("not-a-url")
    if "://" not in text and re.match(r"[a-z0-9-]+(\.[a-z0-9-]+)+(/|$)", text, re.IGNORECASE):
        text = "http://" + text
    found = _split(text)
    if found is None:
        return Address("not-a-url")
    scheme, netloc, host, port, path, query = found
    host = host.removesuffix(".")
    if scheme not in {"http", "https", "ftp"} or not host or " " in host or "@" in netloc:
        return Address("not-a-url")
    host = host.removeprefix("www.")
    if "." not in host or _PLACEHOLDER.search(host):
        return Address("placeholder")
    if port not in {None, 80, 443}:
        host = f"{host}:{port}"
    return _address(host if scheme != "ftp" else f"ftp://{host}", path, query)


def _split(text: str) -> tuple[str, str, str, int | None, str, str] | None:
    """Scheme, network location, host, port, path and query of a URL; None where it has no host or cannot be split."""
    if plain := _PLAIN.fullmatch(text):
        scheme, host, path = plain.groups("")
        return scheme.lower(), host, host.lower(), None, path, ""
    try:
        parts = urlsplit(text)
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    return None if name is None else (parts.scheme.lower(), parts.netloc, name, port, parts.path, parts.query)


def _address(host: str, raw_path: str, query: str) -> Address:
    """Rules of single hosts first, then what holds for every page."""
    exact = _SLASHES.sub("/", unquote(raw_path, errors="replace")).strip("/")
    path = _lower(exact)
    if host == "licenses.nuget.org":
        return Address("expression", f"{host}/{path}", exact.strip()) if exact.strip() else Address("page", host)
    if host == "aka.ms" and path == "deprecatelicenseurl":
        return Address("license-in-file", f"{host}/{path}")
    if host == "nuget.org" and path.startswith("packages/"):
        return Address("gallery", f"{host}/{path}")
    if host == "github.com" or host in _GITHUB_RAW:
        return _github(host, path, _github_file(host, raw_path, query))
    if _CODE_HOST.fullmatch(host) and path.count("/") >= 1:
        pinned = any(_COMMIT.fullmatch(part) for part in path.split("/"))
        return Address("pinned-file" if pinned else "project-file", f"{host}/{path}")
    if host.endswith(".mit-license.org"):  # Everybody's name in front of the text that they chose.
        host, path = "mit-license.org", ""
    pairs = sorted((key.lower(), value.lower()) for key, value in parse_qsl(query.replace("&amp;", "&")))
    if host == "go.microsoft.com":
        path = "fwlink" if path in {"fwlink", "fwlink/p"} else path
        pairs = [(key, value.strip()) for key, value in pairs if key == "linkid"]
    path = _TWIN.sub("", path)
    if host == "gnu.org":
        path = _GNU_LANGUAGE.sub("", path)
    elif host == "creativecommons.org":
        path = _CC_DEED.sub("", path)
    kept = "&".join(f"{key}={value}" for key, value in pairs if not _TRACKING.fullmatch(key))
    return Address("page", f"{host}/{path}".rstrip("/") + (f"?{kept}" if kept else ""))


def _github(host: str, path: str, file: str) -> Address:
    """raw.githubusercontent.com/O/R/REF/FILE and github.com/O/R/{raw,blob}/REF/FILE are one address."""
    parts = path.split("/")
    if host in _GITHUB_RAW:
        parts.insert(2, "blob")
    if len(parts) < 5 or parts[2] not in _FILE:
        return Address("project", "/".join(["github.com", *parts]).rstrip("/"))
    if parts[3:5] == ["refs", "tags"]:
        del parts[3:5]
    key = "/".join(["github.com", *parts[:2], "blob", *parts[3:]])
    return Address("pinned-file" if len(parts) > 3 and _COMMIT.fullmatch(parts[3]) else "project-file", key, file=file)


def _github_file(host: str, raw_path: str, query: str) -> str:
    """The exact address of a file, as `github.com/owner/repository/blob/REF/PATH`; empty where it may be another."""
    if query.lower() not in _SAME_FILE or "%2f" in raw_path.lower():
        return ""
    parts = unquote(raw_path, errors="replace").removeprefix("/").removesuffix("/").split("/")
    if host in _GITHUB_RAW:
        parts.insert(2, "blob")
    if len(parts) < 5 or parts[2] not in _FILE:
        return ""
    owner, repository = _lower(parts[0]), _lower(parts[1])
    return "/".join(["github.com", owner, repository, "blob", *parts[3:]])


def _lower(text: str) -> str:
    """The text with its ASCII letters small: `str.lower` would turn U+212A into a plain k."""
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)
