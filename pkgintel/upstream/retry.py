"""When a request that failed is sent again: the one policy for requests. A task that fails has its own, in `tasks`."""

import random
from dataclasses import dataclass

from pkgintel.upstream.answers import FetchFailed, NotJson

BACKOFF = 0.5  # Seconds before the first retry; doubled for each further one, as much again added by chance.
LONGEST_BACKOFF = 20.0
PATIENCE = 30.0  # The longest Retry-After that is waited for in place.
BROKEN_ATTEMPTS = 3  # A body that is not JSON is likely to stay so: fewer tries than for trouble on the way.


@dataclass(frozen=True, slots=True)
class Retry:
    """At most `attempts` tries of a request, the first pause between them around `backoff` seconds."""

    attempts: int
    backoff: float = BACKOFF

    def wait(self, failure: FetchFailed, tries: int) -> float | None:
        """The seconds until the next try, when the last of `tries` ended in `failure`; None when it was the last."""
        most = min(self.attempts, BROKEN_ATTEMPTS) if isinstance(failure, NotJson) else self.attempts
        if not failure.again or tries >= most:
            return None
        chance = random.uniform(0, self.backoff)  # noqa: S311 - no secret
        if failure.retry_after is not None:
            return failure.retry_after + chance if failure.retry_after <= PATIENCE else None
        return min(self.backoff * 2.0 ** (tries - 1), LONGEST_BACKOFF) + chance
