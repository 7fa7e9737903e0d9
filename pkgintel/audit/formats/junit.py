"""JUnit XML, as build servers show it: a test case for each version; a breach fails, an exception is skipped.

The format has no standard, so what is written is what the two schemas in use have in common: that of Ant's reports
(https://github.com/windyroad/JUnit-Schema) and that of Jenkins (junit-10.xsd of https://github.com/jenkinsci/xunit-plugin).
"""

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from pkgintel.audit.formats.sentence import sentence
from pkgintel.audit.report import Audited, Report
from pkgintel.nuget.instant import iso
from pkgintel.text import plain

# Source: https://www.w3.org/TR/xml/#charsets.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(report: Report) -> Iterator[str]:
    """The document as text, line by line."""
    failures, skipped = len(report.decided("breach")), sum(map(_is_skipped, report.packages))
    counts = f'tests="{len(report.packages)}" failures="{failures}" errors="0" skipped="{skipped}"'
    when = str(iso(report.generated_at))[:19]
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n'
    yield (
        f'  <testsuite id="0" package="pkgintel" name="pkgintel audit" hostname="localhost" {counts} time="0" '
        f'timestamp="{when}">\n    <properties/>\n'
    )
    for one in report.packages:
        yield _case(one) + "\n"
    yield "    <system-out>"
    for one in report.decided("warned"):
        yield escape(_clean(f"{one.package.label}: {sentence(one)}\n"))
    yield "</system-out>\n    <system-err/>\n  </testsuite>\n</testsuites>\n"


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
    return head + "/>"


def _quoted(text: str) -> str:
    return quoteattr(_clean(plain(text, 2_000)))


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
