"""What `pkgintel why` shows of a license file: which license it is, how that was found, where, when, what differs."""

from collections.abc import Iterable

from pkgintel.reports.explanation import LicenseText
from pkgintel.text import many, plain

_SHOWN = 6  # differences


def lines(text: LicenseText | None) -> Iterable[str]:
    """A license text for the screen, an item a line."""
    if text is None:
        return
    if text.sha256:
        nearest = "near " if text.status == "differs" else ""
        how = f"{text.method or text.status}, {text.similarity or 0:.3f}"
        yield f"{nearest}{plain(text.license or 'no known license')} ({how}), sha256 {text.sha256[:16]}…"
    else:
        yield f"{plain(text.status)}: {plain(text.error, 300)}"
    yield f"asked at {plain(text.asked)}"
    if text.answered and text.answered != text.asked:
        yield f"answered by {plain(text.answered)}"
    first = f", first {day_of(text.first_read)}" if text.first_read and text.first_read != text.read_at else ""
    stays = "another text may stand there tomorrow" if text.mutable else "it cannot change"
    yield f"read {day_of(text.read_at)}{first}; {stays}"
    if text.now:
        yield f"another text stands there now: sha256 {text.now[:16]}…, read {day_of(text.now_read)}"
    for one in text.differences[:_SHOWN]:
        parts = [f"… {plain(one.after, 60)}"] if one.after else []
        parts += [f"[-{plain(one.missing, 200)}-]"] if one.missing else []
        parts += [f"[+{plain(one.added, 200)}+]"] if one.added else []
        yield f"differs: {' '.join(parts)}"
    if len(text.differences) > _SHOWN:
        yield f"and {many(len(text.differences) - _SHOWN, 'further difference')}: --json shows all"


def day_of(stamp: str | None) -> str:
    """The day of a stamp of the evidence."""
    return plain(stamp)[:10] if stamp else "at no known time"
