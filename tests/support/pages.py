"""README and docs, and the commands that they show."""

import re
from collections.abc import Iterator

from tests.support.checkout import CHECKOUT

DOCS = CHECKOUT / "docs"
PAGES = [CHECKOUT / "README.md", *sorted(DOCS.glob("*.md"))]


def shown_commands() -> Iterator[tuple[str, str]]:
    """Every line of a block that begins with `$`, with its page."""
    for page in PAGES:
        for block in re.findall(r"^```\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for line in re.findall(r"^\$ (.+)$", block, re.MULTILINE):
                yield page.name, line
