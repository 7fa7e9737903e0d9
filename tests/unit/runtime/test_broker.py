"""The address of Redis: what it says of TLS, and what an operator reads when it does not fit."""

import ssl

import pytest

from pkgintel.errors import ServiceUnavailable
from pkgintel.runtime import broker


def test_an_address_without_tls_says_nothing_of_it() -> None:
    assert broker.tls("redis://:pw@h:6379/0") is None


@pytest.mark.parametrize(
    ("query", "verify", "named"),
    [
        ("", ssl.CERT_REQUIRED, True),
        ("?ssl_cert_reqs=required", ssl.CERT_REQUIRED, True),
        ("?ssl_cert_reqs=required&ssl_check_hostname=False", ssl.CERT_REQUIRED, False),
        ("?ssl_cert_reqs=optional", ssl.CERT_OPTIONAL, True),
        ("?ssl_cert_reqs=none", ssl.CERT_NONE, False),
        ("?ssl_cert_reqs=none&ssl_check_hostname=true", ssl.CERT_NONE, False),
    ],
)
def test_tls_verifies_unless_told_otherwise(query: str, verify: ssl.VerifyMode, *, named: bool) -> None:
    found = broker.tls(f"rediss://:pw@h{query}")
    assert found == {"ssl_cert_reqs": verify, "ssl_check_hostname": named}


def test_the_files_are_passed_on() -> None:
    found = broker.tls("rediss://h/0?ssl_ca_certs=/a%20b.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem")
    assert found is not None
    assert (found["ssl_ca_certs"], found["ssl_certfile"], found["ssl_keyfile"]) == ("/a b.pem", "/c.pem", "/k.pem")


def test_an_unreachable_redis_is_one_sentence_without_its_password() -> None:
    with pytest.raises(ServiceUnavailable, match=r"^Redis cannot be used at 127\.0\.0\.1:1/0: .*refused\.$") as refused:
        broker.require("redis://:geheim@127.0.0.1:1/0")
    assert "geheim" not in str(refused.value)
