"""License files out of packages, where their source serves none beside them, as most sources but nuget.org do."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from pkgintel.audit.lookup import Asking
from pkgintel.audit.store import Key
from pkgintel.errors import UpstreamChanged, UpstreamUnavailable
from pkgintel.upstream import nupkg
from pkgintel.upstream.feeds import Found
from pkgintel.upstream.files import Look, Manners

NOTHING = Found()
MOST_AT_ONCE = 8  # Packages that are read side by side, each with a request at a time.


def read(asking: Asking, names: Mapping[Key, str], until: float) -> dict[Key, tuple[str, Found]]:
    """The files that nuspecs name, by version, with the address of each, as far as they come `until` then.

    A package counts as one document, however many parts of it are asked for.
    Raises: ServiceUnavailable when the fleet's limit gives no slot.
    """
    feed = asking.feed
    manners = Manners(
        feed.address.allows, asking.limit, public=feed.address.public, credentials=feed.credentials, until=until
    )

    def look(key: Key) -> tuple[str, Found]:
        asking.requests += 1
        try:
            return _found(nupkg.look(asking.client, feed.package(*key), names[key], manners))
        except UpstreamUnavailable as error:
            return feed.package(*key), Found(error=error)

    pool = ThreadPoolExecutor(MOST_AT_ONCE)
    try:
        return dict(zip(names, pool.map(look, names), strict=True))
    finally:
        pool.shutdown(cancel_futures=True)


def _found(look: Look) -> tuple[str, Found]:
    where = look.answered or look.asked
    if look.outcome == "have":
        return where, Found(look.body)
    if look.outcome == "missing":
        return where, Found()
    kind = UpstreamUnavailable if look.outcome == "trouble" else UpstreamChanged
    return where, Found(error=kind(look.error or look.outcome, look.asked))
