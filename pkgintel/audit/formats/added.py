"""What an audit adds to a component of a bill of materials."""

import re
from dataclasses import dataclass

from pkgintel.audit.report import Audited, Report
from pkgintel.errors import SettingsError
from pkgintel.licenses.expression import MalformedExpression, parse
from pkgintel.text import plain

_FIRST = (1, 3)  # The version of CycloneDX that brought properties.
_NUMBER = re.compile(r"(\d{1,2})\.(\d{1,2})")


@dataclass(frozen=True, slots=True)
class Added:
    """Names and values of properties, and the declared expression for a component that states no license."""

    properties: tuple[tuple[str, str], ...]
    expression: str | None


def added(one: Audited, report: Report) -> Added:
    """What is added for one version."""
    answer = one.answer
    properties = (
        ("pkgintel:verdict", answer.verdict),
        ("pkgintel:rule", answer.rule),
        ("pkgintel:reason", plain(answer.reason, 1_000)),
        ("pkgintel:ruleset", str(report.basis.ruleset)),
        ("pkgintel:spdx-list", plain(report.basis.spdx_list_version, 100)),
    )
    said = answer.declaration.expression if answer.declaration is not None else None
    return Added(properties, _valid(said))


def require_version(text: str, path: str) -> tuple[int, int]:
    """The version of a CycloneDX document. Raises: SettingsError for one that has no properties, or for none."""
    match = _NUMBER.fullmatch(text)
    number = (int(match[1]), int(match[2])) if match else (0, 0)
    if number < _FIRST:
        raise SettingsError(
            f"{plain(path, 300)} is CycloneDX {plain(text, 20)}, which has no place for verdicts: "
            "they are added from version 1.3 on."
        )
    return number


def _valid(expression: str | None) -> str | None:
    try:
        return str(parse(expression)) if expression is not None else None
    except MalformedExpression:
        return None
