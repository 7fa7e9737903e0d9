"""What a browser makes of the report: whole at every width, without an error, and nothing is loaded."""

from pathlib import Path

import pytest

from pkgintel.audit.formats import page
from tests.support.audits import report, written
from tests.support.browser import CHROMIUM, browser

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM} (Debian's package chromium)"),
]


def test_the_report_is_whole_at_every_width(tmp_path: Path) -> None:
    file = tmp_path / "audit.html"
    file.write_text(written(page.write(report())))
    with browser(tmp_path / "profile") as chromium:
        for width in (390, 768, 1280):
            look = chromium.look(file.as_uri(), width, phone=width < 500, dark=width == 768)
            assert (look.width, look.wide, look.broken) == (width, (), ())
            assert look.complaints == ()
            assert look.asked == (file.as_uri(),)
            assert "1.0.0 was open_source (Apache-2.0): stay in [1.0.0,2.0.0)." in look.text
