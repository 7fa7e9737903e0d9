"""The errors of pkgintel, each named for what its reader does next.

PkgintelError
├─ SettingsError           a setting or an argument is wrong        → fix it, start again       (exit 2)
│  └─ CatalogMismatch      the database was filled by another catalog → choose another database (exit 2)
├─ ServiceUnavailable      Postgres or Redis cannot be used          → start it, look at its log (exit 2)
│  └─ SchemaBehind         sql/ has migrations not yet applied       → pkgintel migrate          (exit 2)
├─ UpstreamError           something upstream, with its address
│  ├─ UpstreamUnavailable  timeout, reset, 408, 425, 429, 5xx        → wait: the task is retried (exit 3)
│  │  └─ TryLater          the server or the circuit says how long   → wait so long             (exit 3)
│  └─ UpstreamChanged      a document broke its contract             → a person reads it         (exit 1)
├─ RunFailed               a run ended without doing its work        → pkgintel status           (exit 1)
├─ AlreadyRunning          another run of the source is at work      → let it finish            (exit 0)
├─ GateFailed              a blocking check failed                   → read the check            (exit 1)
└─ PackageUnknown          no such package or version is stored      → check the spelling        (exit 4)

Errors of one document never leave the room `upstream`: there they become one of those above, or a rejected leaf.

FetchFailed                one attempt failed                        → it may be asked for again
└─ NotJson                 a body that is no JSON                    → likewise, fewer times
Unobtainable               missing, elsewhere, too large, not JSON   → the leaf is rejected
BrokenLeaf                 JSON that is not the leaf promised        → the leaf is rejected
"""


class PkgintelError(Exception):
    """Base of every error raised on purpose; its text is one clear sentence for a person."""

    exit_code = 1


class SettingsError(PkgintelError):
    """A setting or an argument is wrong: nothing was started."""

    exit_code = 2


class CatalogMismatch(SettingsError):
    """The database was filled from another catalog, and two catalogs never share one."""


class ManifestUnreadable(PkgintelError):
    """A manifest that is audited cannot be read, or is too large to be."""

    exit_code = 2


class ServiceUnavailable(PkgintelError):
    """Postgres or Redis cannot be reached or started."""

    exit_code = 2


class SchemaBehind(ServiceUnavailable):
    """The database lacks migrations that this version needs, or has some this version does not know."""


class UpstreamError(PkgintelError):
    """Something upstream is not as it should be; `url` says where."""

    def __init__(self, message: str, url: str = "") -> None:
        super().__init__(message)
        self.url = url

    def __reduce__(self) -> tuple[type["UpstreamError"], tuple[str | float, ...]]:
        """Survive the pickling between a worker's processes with the address kept."""
        return type(self), (str(self), self.url)


class UpstreamUnavailable(UpstreamError):
    """Transport trouble that time may heal: the task is retried, then the page and its run fail."""

    exit_code = 3


class TryLater(UpstreamUnavailable):
    """The server, or the fleet's circuit, says when to come back: `retry_after` seconds from now."""

    def __init__(self, message: str, url: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message, url)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type["TryLater"], tuple[str | float, ...]]:
        return type(self), (str(self), self.url, self.retry_after)


class UpstreamChanged(UpstreamError):
    """A page, an index or a list does not have the promised shape."""


class RunFailed(PkgintelError):
    """A run could not finish; its row in `ops.runs` holds the reason."""


class AlreadyRunning(PkgintelError):
    """Another run of the source is in progress, so this one was recorded as skipped."""

    exit_code = 0


class GateFailed(PkgintelError):
    """A blocking check failed, so nothing that follows may run."""


class PackageUnknown(PkgintelError):
    """The package or version asked for is not stored."""

    exit_code = 4
