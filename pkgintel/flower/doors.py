"""Who may come in: where Flower listens, and the password it asks for."""

import ipaddress
import socket
import sys
from collections.abc import Sequence


def doors(address: str, basic_auth: Sequence[str] | None, auth: str) -> tuple[str, list[str]]:
    """Where Flower listens (loopback by default) and the name:password pairs it asks for.

    Ends the process with one sentence when it should listen wider than loopback and asks for no password.
    """
    address = address or "127.0.0.1"
    pairs = [pair for pair in basic_auth or [] if pair]
    if any(not all(pair.partition(":")) for pair in pairs):
        _refuse("FLOWER_BASIC_AUTH (--basic-auth) must be name:password, neither of them empty.")
    if not (pairs or auth or _loopback(address)):
        _refuse(
            f"Flower would listen on {address}, where others can reach it, and ask for no password: set "
            "FLOWER_BASIC_AUTH=name:password (or --auth with OAuth), or leave --address out to stay on 127.0.0.1."
        )
    return address, pairs


def require_password(socket_path: str, basic_auth: Sequence[str] | None, auth: str) -> None:
    """End the process with one sentence when Flower should listen on a socket and ask for no password.

    Flower lets every user of the machine open its socket.
    """
    pairs = [pair for pair in basic_auth or [] if pair]
    if not (pairs or auth):
        _refuse(
            f"Flower would listen on {socket_path}, which every user of this machine can open, and ask for no "
            "password: set FLOWER_BASIC_AUTH=name:password (or --auth with OAuth), or leave --unix-socket out."
        )


def _refuse(sentence: str) -> None:
    sys.stderr.write(f"pkgintel: {sentence}\n")
    sys.exit(2)


def _loopback(address: str) -> bool:
    try:
        found = {info[4][0] for info in socket.getaddrinfo(address, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(str(host).partition("%")[0]).is_loopback for host in found)
