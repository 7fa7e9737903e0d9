"""What no option of Flower replaces: who may listen and who may ask, whatever configuration file it was given.

Installed by `pkgintel.celery` into Flower itself, for `--conf` and FLOWER_CONF name another file in place of ours.
"""

import ipaddress
from typing import Any

from flower.app import Flower
from flower.views import BaseHandler, monitor
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.web import ErrorHandler, HTTPError

from pkgintel.flower.doors import doors, require_password

_find_handler = Flower.find_handler
_start_http_server = Flower.start_http_server
_set_default_headers = BaseHandler.set_default_headers


def install() -> None:
    """Put the guards into Flower; done twice it changes nothing."""
    Flower.find_handler = find_handler
    Flower.start_http_server = start_http_server
    BaseHandler.set_default_headers = set_default_headers
    monitor.Metrics.prepare = admit


def start_http_server(self: Flower) -> int | None:
    """Listen on loopback, or ask for a password; else the process ends with one sentence."""
    options = self.options
    if options.unix_socket:
        require_password(options.unix_socket, options.basic_auth, options.auth)
    else:
        options.address, options.basic_auth = doors(options.address, options.basic_auth, options.auth)
    port: int | None = _start_http_server(self)
    return port


def find_handler(self: Flower, request: HTTPServerRequest, **more: Any) -> HTTPMessageDelegate:
    """The page that is asked for; 403 where no password is asked for and the request names a host that is not this one.

    A name of somebody else's that leads here lets a page of theirs read ours (DNS rebinding).
    """
    protected = self.options.basic_auth or self.options.auth
    if protected or is_this_machine(request.host_name) or request.host_name == self.options.address:
        found: HTTPMessageDelegate = _find_handler(self, request, **more)
    else:
        found = self.get_handler_delegate(request, ErrorHandler, {"status_code": 403})
    return found


def is_this_machine(host: str) -> bool:
    """Whether a name can only lead to the machine that asks: localhost (RFC 6761) or a loopback address."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def set_default_headers(self: BaseHandler) -> None:
    """No other site shows our pages in a frame, and no browser keeps them."""
    _set_default_headers(self)
    self.set_header("X-Frame-Options", "DENY")
    self.set_header("Content-Security-Policy", "frame-ancestors 'none'")
    self.set_header("Referrer-Policy", "same-origin")
    self.set_header("Cache-Control", "no-store")


def admit(self: BaseHandler) -> None:
    """Whoever reads the metrics gives the password, or has logged in, where the pages ask for it.

    Raises: HTTPError 401.
    """
    options = self.application.options
    if (options.basic_auth or options.auth) and not self.current_user:
        raise HTTPError(401)
