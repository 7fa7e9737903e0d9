"""The fleet's limit of requests in flight, and its circuit breakers, kept in Redis.

Every page task holds a lease on a share of the limit, so that a request costs no round trip. A lease is renewed twice
a second, and more often while slots are lacking, by one script that is atomic in Redis: it says how many slots the
holder uses and wants, and gets its share of what is free: the longer it has been at work, the more. A share shrinks
only after the holder has said that it let go, so the sum never passes the limit; the lease of a killed worker ends by
itself. The same script carries what the servers answered: a streak of failures in the whole fleet, or a Retry-After,
opens the host's circuit, and nobody sends but one probe at a time.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from pkgintel.upstream import origins
from pkgintel.upstream.client import Client
from pkgintel.upstream.lease import Lease, Pace, Terms, ms

LONGEST_OPEN = 300.0  # Seconds that a circuit stays open at most, however often its probes failed.
PROBE = 45.0  # Seconds after which a probe that was never heard of again is given to another.


class FleetLimit:
    """The limit of requests in flight that all workers with this Redis and prefix keep together."""

    def __init__(self, url: str, limit: int, prefix: str = "pkgintel:fleet:", pace: Pace | None = None) -> None:
        self.url = url
        self.limit = limit
        self.pace = pace or Pace()
        self.leases = f"{prefix}leases"
        self._prefix = prefix
        # A client's connections to Redis and its names among the leases outlive the page tasks, as the client does.
        self._connections: WeakKeyDictionary[Client, redis.asyncio.Redis] = WeakKeyDictionary()
        self._names: WeakKeyDictionary[Client, list[str]] = WeakKeyDictionary()

    def circuit(self, host: str) -> str:
        """The key of a host's circuit."""
        return f"{self._prefix}circuit:{host}"

    def terms(self, host: str) -> Terms:
        """What a lease for requests to `host` is about."""
        pace = self.pace
        said = {
            "limit": self.limit,
            "lease": ms(pace.lease),
            "grace": ms(2 * pace.beat),
            "failures": pace.failures,
            "quiet": ms(pace.quiet),
            "open": ms(pace.open),
            "longest_open": ms(LONGEST_OPEN),
            "probe": ms(PROBE),
        }
        return Terms(host, self.limit, pace, (self.leases, self.circuit(host)), said)

    @contextmanager
    def lease(self, client: Client, url: str) -> Iterator[Lease]:
        """A share of the limit for requests to the host of `url`, leased from the first of them until the block ends.

        Raises: nothing of its own; who waits for a slot gets `TryLater` when the circuit stays open for longer than a
        minute, and `ServiceUnavailable` when Redis does.
        """
        names = self._names.setdefault(client, [])
        name = names.pop() if names else secrets.token_hex(8)
        lease = Lease(self.terms(origins.host(url)), name, self._redis(client))
        try:
            yield lease
        finally:
            if lease.begun:
                client.run(lease.quit())
            names.append(name)

    def _redis(self, client: Client) -> redis.asyncio.Redis:
        """The connections to Redis that live in the loop of `client`."""
        found = self._connections.get(client)
        if found is None:
            never = Retry(NoBackoff(), 0)  # The next renewal is the retry.
            found = redis.asyncio.from_url(self.url, socket_timeout=2, socket_connect_timeout=2, retry=never)
            self._connections[client] = found
            client.loop.at_close.append(found.aclose)
        return found
