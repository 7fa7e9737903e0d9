"""The address of Redis: what it says about TLS, and the error an operator sees when Redis cannot be used.

redis-py, kombu, Celery's result backend, RedBeat and Flower each read `rediss://` in a way of their own: where the
address says nothing, one verifies, one does not, one refuses to start, and Flower reads only Celery's settings.
"""

import ssl
from urllib.parse import parse_qsl, urlsplit

import redis

from pkgintel.errors import ServiceUnavailable

_VERIFY = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}


def tls(url: str) -> dict[str, str | bool | ssl.VerifyMode] | None:
    """The TLS of an address of the settings, as keyword arguments of a connection; None for one without TLS."""
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return None
    said = dict(parse_qsl(parts.query))
    verify = _VERIFY[said.get("ssl_cert_reqs", "required")]
    # Without a verified certificate there is no host name to check.
    named = said.get("ssl_check_hostname", "true").lower() == "true" and verify != ssl.CERT_NONE
    return {**said, "ssl_cert_reqs": verify, "ssl_check_hostname": named}


def place(url: str) -> str:
    """Host, port and database of an address: what may be shown of it."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"


def because(url: str, error: Exception) -> str:
    """Why Redis cannot be used, in one line; where it is the address that does not fit, what to write there."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0][:300].rstrip(".")
    if "CERTIFICATE_VERIFY_FAILED" in text:
        hint = "name the authority that signed its certificate: …?ssl_ca_certs=FILE"
        if "mismatch" in text or "not valid for" in text:
            hint = "use the name that its certificate bears"
    elif "WRONG_VERSION_NUMBER" in text:
        hint = "it does not seem to speak TLS; then its address begins with redis://"
    elif url.startswith("redis://") and any(it in text for it in ("reset by peer", "closed by server")):
        hint = "if it wants TLS, its address begins with rediss://"
    else:
        return text
    return f"{text}; {hint}"


def require(url: str) -> None:
    """Raises: ServiceUnavailable unless Redis answers, with its address but not its password."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            client.ping()
    except (redis.RedisError, OSError) as error:
        raise ServiceUnavailable(f"Redis cannot be used at {place(url)}: {because(url, error)}.") from None
