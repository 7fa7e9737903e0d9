"""Which addresses belong to a catalog."""

import ipaddress

import pytest

from pkgintel.upstream.origins import CatalogAddress, host, is_public_ip, is_public_name, named, origin

PUBLIC = CatalogAddress("https://a.example/catalog/index.json", frozenset({"https://a.example", "https://b.example"}))
LOCAL = CatalogAddress("http://127.0.0.1:8080/index.json", frozenset({"http://127.0.0.1:8080"}), public=False)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://api.nuget.org/v3/index.json", "https://api.nuget.org"),
        ("HTTPS://API.NuGet.org:443/x", "https://api.nuget.org"),
        ("https://api.nuget.org./x", "https://api.nuget.org"),
        ("https://api.nuget.org:8443", "https://api.nuget.org:8443"),
        ("http://api.nuget.org:80?q", "http://api.nuget.org"),
        ("https://bücher.example/", "https://xn--bcher-kva.example"),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
        ("http://[0:0::1]/x", "http://[::1]"),
    ],
)
def test_an_origin_has_one_spelling(url: str, found: str) -> None:
    assert origin(url) == found


@pytest.mark.parametrize(
    "url",
    [
        "",
        "index.json",
        "/etc/passwd",
        "file:///etc/passwd",
        "ftp://a.example/",
        "gopher://a.example/",
        "data:application/json,{}",
        "https:a.example",
        "https:///x",
        "https://a.example@evil.example/",
        "https://user:secret@a.example/",
        "https://a.example\\@evil.example/",
        "https://a.example\\.evil.example/",
        "https://a.example /",
        "https://a.example\t/",
        "https://a.example/\n",
        "https://a.exam%70le/",
        "https://a.example%2f@evil.example/",
        "https://a.example:0/",
        "https://a.example:99999/",
        "https://a.example:x/",
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 130}example/",
        "https://[::1/",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        origin(url)
    assert PUBLIC.allows(url)
    assert LOCAL.allows(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/leaf.json",
        "https://b.example/leaf.json",
        "https://A.EXAMPLE:443/leaf.json",
        "https://a.example./leaf.json",
        "https://a.example?leaf",
        "https://a.example/awssd%E2%84%AA.core.1.0.0.json",
        "https://a.example/a//b/../c?x=https://evil.example/#y",
    ],
)
def test_a_catalogs_own_hosts_are_allowed(url: str) -> None:
    assert PUBLIC.allows(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/leaf.json",
        "https://a.example:8443/leaf.json",
        "https://c.example/leaf.json",
        "https://a.example.evil.example/leaf.json",
        "https://evil.example/https://a.example/",
        "https://a.example%00.evil.example/",
        "https://127.0.0.1/leaf.json",
        "http://169.254.169.254/latest/meta-data/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://localhost/",
    ],
)
def test_other_places_are_not(url: str) -> None:
    assert PUBLIC.allows(url)


def test_an_address_without_a_path_is_judged_whole() -> None:
    assert PUBLIC.allows("https://a.example") is None
    assert LOCAL.allows("http://127.0.0.1:80801")
    assert LOCAL.allows("http://127.0.0.1:808")


def test_a_local_source_allows_its_own_port_only() -> None:
    assert LOCAL.allows("http://127.0.0.1:8080/leaf.json") is None
    assert "not one of this catalog's hosts" in str(LOCAL.allows("http://127.0.0.1:8081/leaf.json"))
    assert LOCAL.allows("https://127.0.0.1:8080/leaf.json")
    assert LOCAL.allows("http://localhost:8080/leaf.json")


@pytest.mark.parametrize(
    ("ip", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("172.16.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_public_addresses(ip: str, public: bool) -> None:
    assert is_public_ip(ip) is public


def test_public_names() -> None:
    assert is_public_name("api.nuget.org")
    assert not is_public_name("localhost")
    assert not is_public_name("x.localhost")
    assert not is_public_name("10.0.0.1")
    assert host("http://[::1]:80/") == "::1"


def test_a_service_index_vouches_for_the_https_hosts_it_names() -> None:
    mentioned = [
        "https://search.example/query",
        "http://plain.example/",
        "https://10.0.0.1/x",
        "file:///x",
        "https://u@evil.example/",
    ]
    origins = named("https://a.example/v3/index.json", "https://b.example/catalog/index.json", mentioned, public=True)
    assert origins == {"https://a.example", "https://b.example", "https://search.example"}


def test_a_public_source_cannot_name_a_catalog_in_the_private_network_or_over_plain_http() -> None:
    for catalog in ("https://127.0.0.1/index.json", "http://b.example/index.json", "file:///index.json"):
        with pytest.raises(ValueError):
            named("https://a.example/v3/index.json", catalog, [], public=True)


def test_a_private_source_may_keep_its_catalog_on_another_host() -> None:
    origins = named(
        "http://127.0.0.1:1/v3/index.json", "http://127.0.0.1:2/index.json", ["http://127.0.0.1:3/"], public=False
    )
    assert origins == {"http://127.0.0.1:1", "http://127.0.0.1:2"}


# Every block of IANA's registries of special-purpose addresses, and whether it is globally reachable there.
# Source: https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry
SPECIAL = [
    ("0.0.0.0/8", "RFC 791", False),
    ("0.0.0.0/32", "RFC 1122", False),
    ("10.0.0.0/8", "RFC 1918", False),
    ("100.64.0.0/10", "RFC 6598", False),
    ("127.0.0.0/8", "RFC 1122", False),
    ("169.254.0.0/16", "RFC 3927", False),
    ("172.16.0.0/12", "RFC 1918", False),
    ("192.0.0.0/24", "RFC 6890", False),
    ("192.0.0.0/29", "RFC 7335", False),
    ("192.0.0.8/32", "RFC 7600", False),
    ("192.0.0.170/32", "RFC 7050", False),
    ("192.0.0.171/32", "RFC 7050", False),
    ("192.0.0.192/32", "metadata of a cloud", False),
    ("192.0.2.0/24", "RFC 5737", False),
    ("192.88.99.0/24", "RFC 7526", False),
    ("192.168.0.0/16", "RFC 1918", False),
    ("198.18.0.0/15", "RFC 2544", False),
    ("198.51.100.0/24", "RFC 5737", False),
    ("203.0.113.0/24", "RFC 5737", False),
    ("224.0.0.0/4", "RFC 5771", False),
    ("240.0.0.0/4", "RFC 1112", False),
    ("255.255.255.255/32", "RFC 919", False),
    ("192.31.196.0/24", "RFC 7535", True),
    ("192.52.193.0/24", "RFC 7450", True),
    ("192.175.48.0/24", "RFC 7534", True),
    ("::1/128", "RFC 4291", False),
    ("::/128", "RFC 4291", False),
    ("::/96", "RFC 4291, IPv4-compatible", False),
    ("::ffff:0:0/112", "RFC 4291, of 0.0.0.0/16", False),
    ("64:ff9b::/112", "RFC 6052, of 0.0.0.0/16", False),
    ("64:ff9b:1::/48", "RFC 8215", False),
    ("100::/64", "RFC 6666", False),
    ("100:0:0:1::/64", "RFC 9780", False),
    ("2001::/32", "RFC 4380, Teredo", False),
    ("2001:2::/48", "RFC 5180", False),
    ("2001:10::/28", "RFC 4843", False),
    ("2001:db8::/32", "RFC 3849", False),
    ("2002::/16", "RFC 3056", False),
    ("3fff::/20", "RFC 9637", False),
    ("5f00::/16", "RFC 9602", False),
    ("fc00::/7", "RFC 4193", False),
    ("fe80::/10", "RFC 4291", False),
    ("fec0::/10", "RFC 3879", False),
    ("ff00::/8", "RFC 4291", False),
    ("2620:4f:8000::/48", "RFC 7534", True),
]


@pytest.mark.parametrize(("block", "source", "public"), SPECIAL)
def test_addresses_of_special_purpose(block: str, source: str, public: bool) -> None:
    network = ipaddress.ip_network(block)
    for ip in {network[0], network[network.num_addresses // 2], network[-1]}:
        assert is_public_ip(str(ip)) is public, (ip, source)


@pytest.mark.parametrize("wrapped", ["::ffff:{}", "64:ff9b::{}", "::{}"])
def test_an_address_is_as_private_as_what_it_wraps(wrapped: str) -> None:
    for private in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "192.0.0.192"):
        assert not is_public_ip(wrapped.format(private))


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.01",
        "1.2.3.4.5",
        "0x",
        "a.1",
    ],
)
def test_a_number_is_no_host(host: str) -> None:
    with pytest.raises(ValueError, match=r"is a number|not an address"):
        origin(f"https://{host}/index.json")
    assert PUBLIC.allows(f"https://{host}/leaf.json")


def test_a_public_source_names_hosts_and_no_ip_addresses() -> None:
    for literal in ("https://8.8.8.8/index.json", "https://[2606:4700::1111]/index.json"):
        with pytest.raises(ValueError, match="is an IP address"):
            named("https://a.example/v3/index.json", literal, [], public=True)
        assert named("https://a.example/v3/index.json", "https://a.example/c", [literal], public=True) == {
            "https://a.example"
        }
