"""How a worker speaks to its broker: through one client, which is made again where its connections were closed."""

from pkgintel.runtime import channel


def test_a_channel_makes_one_client_for_all_that_it_says(redis_url: str) -> None:
    with channel.Connection(redis_url) as connection:
        made = connection.default_channel
        with made.conn_or_acquire() as one, made.conn_or_acquire() as other:
            assert one is other
            assert one is not made.client, "that one waits for messages, on a connection of its own"
            assert one.ping()
        made._disconnect_pools()
        with made.conn_or_acquire() as new:
            assert new is not one
            assert new.ping()
