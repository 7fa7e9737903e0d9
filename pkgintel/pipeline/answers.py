"""What upstream servers answered, added to the totals that the metrics show."""

from pkgintel import database
from pkgintel.upstream.client import Client


def count(conn: database.Connection, client: Client) -> None:
    """Add what `client` heard since the last time. A statement of its own: it locks rows that every page touches."""
    heard = {kind: count for kind, count in dict(client.counts).items() if count}
    client.counts.subtract(heard)
    if heard:
        database.run(conn, "answers/count", kinds=list(heard), answers=list(heard.values()))
