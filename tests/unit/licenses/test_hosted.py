"""Which addresses name a file on a code host, and the one address of its bytes."""

import pytest

from pkgintel.licenses.hosted import hosted, owner_of

RAW = "https://raw.githubusercontent.com"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("url", "address", "owner", "pinned"),
    [
        ("https://github.com/Contoso/Shop/blob/main/LICENSE", f"{RAW}/Contoso/Shop/main/LICENSE", "contoso", False),
        ("http://www.github.com/Contoso/Shop/raw/v1/a/L.md", f"{RAW}/Contoso/Shop/v1/a/L.md", "contoso", False),
        ("github.com/Contoso/Shop/blob/main/LICENSE?raw=true", f"{RAW}/Contoso/Shop/main/LICENSE", "contoso", False),
        (f"{RAW}/Contoso/Shop/refs/heads/main/LICENSE", f"{RAW}/Contoso/Shop/main/LICENSE", "contoso", False),
        (f"https://raw.github.com/Contoso/Shop/{COMMIT}/L", f"{RAW}/Contoso/Shop/{COMMIT}/L", "contoso", True),
        ("https://github.com/Contoso/Shop/blob/main/a%20b", f"{RAW}/Contoso/Shop/main/a%20b", "contoso", False),
    ],
)
def test_a_file_on_github_has_one_address(url: str, address: str, owner: str, pinned: bool) -> None:
    found = hosted(url)
    assert found is not None
    assert (found.url, found.owner, found.pinned) == (address, f"github.com/{owner}", pinned)
    assert owner_of(found.url) == found.owner


@pytest.mark.parametrize(
    ("url", "address", "owner"),
    [
        (
            "https://gitlab.com/Contoso/deep/shop/-/blob/main/LICENSE",
            "https://gitlab.com/Contoso/deep/shop/-/raw/main/LICENSE",
            "gitlab.com/contoso",
        ),
        (
            "https://gitlab.com/Contoso/shop/raw/main/LICENSE",
            "https://gitlab.com/Contoso/shop/-/raw/main/LICENSE",
            "gitlab.com/contoso",
        ),
        (
            "https://bitbucket.org/Contoso/shop/src/main/LICENSE",
            "https://bitbucket.org/Contoso/shop/raw/main/LICENSE",
            "bitbucket.org/contoso",
        ),
    ],
)
def test_other_hosts_have_their_own_form(url: str, address: str, owner: str) -> None:
    found = hosted(url)
    assert found is not None
    assert (found.url, found.owner) == (address, owner)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https://[::1",
        "https://github.com/contoso/shop",
        "https://github.com/contoso/shop/tree/main",
        "https://github.com/contoso/shop/blob/main",
        "https://gitlab.com/contoso/shop/LICENSE",
        "https://bitbucket.org/contoso/shop/blob/main/LICENSE",
        "https://contoso.example/contoso/shop/blob/main/LICENSE",
        "https://github.com.contoso.example/contoso/shop/blob/main/LICENSE",
        "https://user@github.com/contoso/shop/blob/main/LICENSE",
        "https://github.com:8443/contoso/shop/blob/main/LICENSE",
        "ftp://github.com/contoso/shop/blob/main/LICENSE",
        "https://github.com/contoso/shop/blob/main/%2e%2e/LICENSE",
        "https://github.com/contoso/shop/blob/main/a%2fb",
        "https://github.com/contoso/shop/blob/main/a%00b",
        "https://github.com/contoso/shop/blob/main/a b",
        "https://github.com/contoso/shop/blob/main/" + "a" * 2_000,
    ],
)
def test_all_else_is_never_asked(url: str) -> None:
    assert hosted(url) is None


@pytest.mark.parametrize("url", ["https://[::1", "https://contoso.example/a", "https://github.com/", "/a"])
def test_no_owner_where_no_code_host_is_named(url: str) -> None:
    assert owner_of(url) is None
