"""JUnit XML, as build servers show it: a test case for each version; a breach fails, an exception is skipped.

Source: https://github.com/testmoapp/junitxml (the format has no standard).
"""

import re
from xml.sax.saxutils import escape, quoteattr

from pkgintel.audit.formats.sentence import sentence
from pkgintel.audit.report import Audited, Report
from pkgintel.nuget.instant import iso
from pkgintel.text import plain

# Source: https://www.w3.org/TR/xml/#charsets.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(report: Report) -> str:
    """The document as text."""
    failures, skipped = len(report.decided("breach")), sum(map(_is_skipped, report.packages))
    counts = f'tests="{len(report.packages)}" failures="{failures}" errors="0" skipped="{skipped}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="pkgintel audit" {counts} time="0">',
        f'  <testsuite name="pkgintel audit" {counts} time="0" timestamp="{str(iso(report.generated_at))[:19]}">',
        *(_case(one) for one in report.packages),
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _is_skipped(one: Audited) -> bool:
    return one.decision.decision in ("excepted", "baseline") or one.answer.verdict == "not_looked_up"


def _case(one: Audited) -> str:
    inputs = " ".join(dict.fromkeys(origin.input for origin in one.package.origins))
    head = f'    <testcase classname={_quoted(inputs or "audit")} name={_quoted(one.package.label)} time="0"'
    says = _quoted(sentence(one))
    if one.decision.decision == "breach":
        detail = escape(_clean(plain(sentence(one), 4_000)))
        return f'{head}>\n      <failure type="{one.answer.rule}" message={says}>{detail}</failure>\n    </testcase>'
    if _is_skipped(one):
        return f"{head}>\n      <skipped message={says}/>\n    </testcase>"
    if one.decision.decision == "warned":
        return f"{head}>\n      <system-out>{escape(_clean(sentence(one)))}</system-out>\n    </testcase>"
    return head + "/>"


def _quoted(text: str) -> str:
    return quoteattr(_clean(plain(text, 2_000)))


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
