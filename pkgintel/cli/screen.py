"""How a screen looks: the colour of every word of state."""

from rich.text import Text

STYLES = {
    "fresh": "green", "ok": "green", "done": "green", "caught_up": "green", "enabled": "green", "HEALTHY": "bold green",
    "STALE": "bold red", "BLOCKED": "bold red", "FAILED": "bold red", "NOT HEALTHY": "bold red",
    "failed": "red", "blocked": "red", "lost": "red", "LOST": "bold red",
    "warns": "yellow", "aborted": "yellow", "stopped": "yellow", "running": "cyan", "skipped": "dim",
    "open_source": "bold green", "proprietary": "bold red", "unknown": "bold yellow",
}  # fmt: skip


def word(text: str) -> Text:
    """A word of state in its colour; every other word as it is."""
    return Text(text, style=STYLES.get(text, ""))
