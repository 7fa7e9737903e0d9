"""Which addresses belong to a catalog: the one rule for pages, leaves and redirects, with no network in it.

An address is judged by its origin, "scheme://host:port" in one spelling: lower case, IDN as punycode, the default port
left out, no trailing dot. An upstream document can name any address it likes; only origins that were trusted before
it was read are asked.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

import httpx

_PORTS = {"http": 80, "https": 443}
_ODD = re.compile(r"[\x00-\x20\x7f\\]")  # What parsers disagree about, so no address may hold it.
# What ends in a number ("127.1", "0x7f000001") is an IPv4 address to some parsers and a name to others.
# Source: https://url.spec.whatwg.org/#ends-in-a-number-checker
_NUMBER = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)\.?")
# What IANA's registries of special-purpose addresses withhold from the open internet, beside what Python's `ipaddress`
# knows. Source: https://www.iana.org/assignments/iana-ipv6-special-registry and its IPv4 twin; RFC 6890, section 2.2.
_SPECIAL = tuple(
    ipaddress.ip_network(block)
    for block in (
        "192.0.0.0/24",  # Protocol assignments, RFC 6890; the two of them that are global are anycast services.
        "192.88.99.0/24",  # 6to4 relay anycast, withdrawn by RFC 7526.
        "64:ff9b:1::/48",  # Translation within one network, RFC 8215.
        "100::/64",  # Discard only, RFC 6666.
        "100:0:0:1::/64",  # Dummy prefix, RFC 9780.
        "2001::/23",  # Protocol assignments, RFC 2928, Teredo among them: a tunnel to an address behind it.
        "2002::/16",  # 6to4, RFC 3056: a tunnel to the IPv4 address in it.
        "3fff::/20",  # Documentation, RFC 9637.
        "5f00::/16",  # Segment routing, RFC 9602.
        "fec0::/10",  # Site-local, deprecated by RFC 3879 and still routed by some.
        "::/96",  # IPv4-compatible, deprecated by RFC 4291.
    )
)
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # An IPv4 address behind a translator, RFC 6052.
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


def origin(url: str) -> str:
    """The origin of `url` in its one spelling.

    Raises: ValueError, which says what is wrong, for all that is no plain http(s) address: other schemes, no host, user
    names, backslashes, blanks and controls (which parsers disagree about).
    """
    if _ODD.search(url):
        raise ValueError("it holds a blank, a control character or a backslash")
    try:
        parsed = httpx.URL(url)
        host, port = parsed.raw_host.decode("ascii").lower().removesuffix("."), parsed.port
    except (httpx.InvalidURL, ValueError, TypeError):
        raise ValueError("it is not an address") from None
    if parsed.scheme not in _PORTS:
        raise ValueError(f"its scheme is {parsed.scheme or 'missing'}, not http or https")
    if parsed.userinfo or "@" in parsed.netloc.decode("ascii", "replace"):
        raise ValueError("it carries a user name")
    if ":" in host:
        try:
            host = f"[{ipaddress.IPv6Address(host)}]"
        except ValueError:
            raise ValueError("it names no proper host") from None
    elif not _NAME.fullmatch(host):
        raise ValueError("it names no proper host")
    elif _NUMBER.fullmatch(host) and not is_literal(host):
        raise ValueError("its host is a number, which some take for an IP address")
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"its port is {port}")
    return f"{parsed.scheme}://{host}" + ("" if port in (None, _PORTS[parsed.scheme]) else f":{port}")


def host(url: str) -> str:
    """The host of `url` as its origin spells it, an IPv6 address without its brackets.

    Raises: ValueError as `origin` does.
    """
    return httpx.URL(origin(url)).host


def is_public_ip(text: str) -> bool:
    """Whether the IP address `text` is one of the open internet, also as seen through the IPv6 forms that wrap IPv4.

    Raises: ValueError when it is no IP address.
    """
    ip = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped
        if wrapped is None and ip in _TRANSLATED:
            wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if wrapped:
            return is_public_ip(str(wrapped))
    return ip.is_global and not ip.is_multicast and not any(ip in block for block in _SPECIAL)


def is_literal(name: str) -> bool:
    """Whether the host `name`, as `host` gives it, is an IP address and no name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_public_name(name: str) -> bool:
    """Whether a host may be public as far as its name shows: no private IP address, not localhost."""
    try:
        return is_public_ip(name)
    except ValueError:
        return name != "localhost" and not name.endswith((".localhost", ".local", ".internal"))


@dataclass(frozen=True, slots=True)
class CatalogAddress:
    """Where a catalog is: its index, the origins it may be read from, and whether its source is of the open internet.

    A public source is never followed to a private address: `named` leaves such origins out, and the client refuses
    names that resolve to one.
    """

    index_url: str
    origins: frozenset[str]
    public: bool = True

    def dump(self) -> dict[str, str | bool | list[str]]:
        """The address as JSON keeps it (`ops.runs.catalog`)."""
        return {"index_url": self.index_url, "origins": sorted(self.origins), "public": self.public}

    def allows(self, url: str) -> str | None:
        """Why `url` may not be fetched, as the end of a sentence; None when it may."""
        # An address that begins with "origin/" can have no other authority, so most need no parsing.
        end = url.find("/", 8)
        if end > 0 and url[:end] in self.origins and not _ODD.search(url):
            return None
        try:
            found = origin(url)
        except ValueError as error:
            return str(error)
        if self.public and not is_public_name(host(url)):
            return f"{found} is a private address and the source is public"
        if found not in self.origins:
            return f"{found} is not one of this catalog's hosts ({', '.join(sorted(self.origins)[:5])})"
        return None


def named(source: str, catalog: str, mentioned: Iterable[str], *, public: bool) -> frozenset[str]:
    """The origins of a catalog: its source's own, and the https ones which its service index mentions.

    A source in a private network may also keep its catalog elsewhere over plain http; all else stays https.
    Raises: ValueError when the catalog itself is at an address that may not be asked.
    """
    own, home = origin(source), origin(catalog)
    if public and not is_public_name(host(catalog)):
        raise ValueError(f"{home} is a private address and the source is public")
    if public and home != own and is_literal(host(catalog)):
        raise ValueError(f"{home} is an IP address, and a public source names hosts")
    if public and home != own and not home.startswith("https:"):
        raise ValueError(f"{home} is neither https nor the source's own host")
    origins = {own, home}
    for url in mentioned:
        try:
            found = origin(url)
        except ValueError:
            continue
        if found.startswith("https:") and (not public or (not is_literal(host(url)) and is_public_name(host(url)))):
            origins.add(found)
    return frozenset(origins)
