"""What reports say of one version in a line: what it is, why, who brings it, and what would help."""

from pkgintel.audit.report import Audited
from pkgintel.text import plain


def sentence(one: Audited) -> str:
    """The line, in plain text of bounded length."""
    answer = one.answer
    parts = [f"{plain(one.package.label, 200)} is {answer.verdict} ({answer.rule}): {plain(answer.reason, 600)}"]
    way = path(one)
    if way is not None:
        parts.append(f"Brought by {way}.")
    if one.decision.decided_by not in ("accept", "unknown", "not-looked-up"):
        parts.append(f"The policy: {plain(one.decision.says, 400)}.")
    stay = advice(one)
    if stay is not None:
        parts.append(stay)
    return " ".join(parts)


def path(one: Audited) -> str | None:
    """Who brings the package: the shortest way that is known, None where it is asked for itself."""
    known = [origin.path for origin in one.package.origins if len(origin.path) > 1]
    shortest = min(known, key=len, default=None)
    return plain(" > ".join(shortest), 400) if shortest is not None else None


def advice(one: Audited) -> str | None:
    """The last open version and the range that stays with it."""
    last = one.last_open
    if last is None:
        return None
    under = f" ({plain(last.license, 80)})" if last.license is not None else ""
    stay = f": stay in {last.range}." if last.range is not None else f"; {last.unsure}."
    return f"{plain(last.version, 80)} was open_source{under}{stay}"
