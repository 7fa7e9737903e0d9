"""What one process works with: its deployment, its connections to Postgres and upstream, its share of the limit.

The doors (a command, a task, Flower, Celery's configuration) take it from here and hand its parts on as arguments. A
forked child starts with the deployment of its parent, and opens connections of its own.
"""

import atexit
import functools
import os
import threading

from pkgintel import settings
from pkgintel.database import Database
from pkgintel.runtime import deployment
from pkgintel.settings import Deployment
from pkgintel.upstream.client import Client
from pkgintel.upstream.limit import FleetLimit
from pkgintel.upstream.slots import Leasing


class Process:
    """One deployment, and what is opened for it when it is first used. A `client` that is given stays the giver's."""

    def __init__(self, deployment: Deployment, client: Client | None = None) -> None:
        self.deployment = deployment
        self.database = Database(deployment.database_url)
        self.limit = FleetLimit(deployment.redis_url, deployment.max_in_flight)
        self._given = client
        self._client: Client | None = None
        self._making = threading.Lock()

    @property
    def client(self) -> Client:
        """The HTTP client, with its loop in a thread."""
        if self._given is not None:
            return self._given
        with self._making:
            if self._client is None:
                self._client = Client(self.deployment)
            return self._client

    @property
    def leasing(self) -> Leasing:
        """How this process takes its shares of the fleet's limit."""
        return functools.partial(self.limit.lease, self.client)

    @property
    def opened(self) -> Client | None:
        """The HTTP client, if anybody needed one yet."""
        return self._given or self._client

    def close(self) -> None:
        """Close what was opened; the next use opens it anew. Harmless twice."""
        self.database.close()
        with self._making:
            made, self._client = self._client, None
        if made is not None:
            made.close()


_current: Process | None = None
_lock = threading.RLock()
_inherited: list[Process] = []


def current() -> Process:
    """This process's own, made of the environment when it is first asked for.

    Raises: SettingsError, ServiceUnavailable.
    """
    with _lock:
        return _current or start(deployment.resolve(settings.load()))


def start(deployment: Deployment, client: Client | None = None) -> Process:
    """Make this process work for `deployment` from now on, in place of any other."""
    global _current
    with _lock:
        end()
        _current = Process(deployment, client)
        return _current


@atexit.register
def end() -> None:
    """Close what this process has opened; whoever asks next reads the environment again."""
    global _current
    with _lock:
        ended, _current = _current, None
    if ended is not None:
        ended.close()


def _forked() -> None:
    """Work for the same deployment. What the parent opened stays alive here: finalised, it would end its sockets."""
    global _current, _lock
    _lock = threading.RLock()
    if _current is not None:
        _inherited.append(_current)
        _current = Process(_current.deployment)


os.register_at_fork(after_in_child=_forked)
