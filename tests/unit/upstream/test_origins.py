"""Which addresses belong to a catalog."""

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
