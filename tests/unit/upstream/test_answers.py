"""What the answers of a server mean."""

from datetime import UTC, datetime

from pkgintel.upstream.answers import retry_after


def test_how_retry_after_is_read() -> None:
    now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
    assert retry_after("7") == 7
    assert retry_after(" 0 ") == 0
    assert retry_after("999999999999999999999") == 600
    assert retry_after("Mon, 23 Nov 2026 12:01:30 GMT", now) == 90
    assert retry_after("Mon, 23 Nov 2026 11:00:00 GMT", now) == 0
    assert retry_after("Mon, 23 Nov 2036 11:00:00 GMT", now) == 600
    for nonsense in (None, "", "soon", "-1", "1.5", "²", "Mon, 99 Nov 2026 12:01:30 GMT"):
        assert retry_after(nonsense) is None
