"""An audit that was never run: every verdict and decision once, with texts that want to be markup or formulas."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from pkgintel.audit import answer
from pkgintel.audit.answer import Answer
from pkgintel.audit.baseline import Baseline
from pkgintel.audit.decision import Decider, remarks
from pkgintel.audit.inputs import Source
from pkgintel.audit.manifests import sniff
from pkgintel.audit.package import Package, Selection, gather
from pkgintel.audit.policy import Policy, PolicyException
from pkgintel.audit.report import Audited, Basis, LastOpen, Report
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import RULESET, Declaration, Judge
from pkgintel.sample.source import lists

TODAY = date(2026, 11, 27)
HOSTILE = "=cmd|'/c calc'!A1 <script>alert(1)</script> \x00\x1b[31m\ufffe `]]> | {{script}} \u202e"
_LIST = LicenseList.parse(*lists())
_JUDGE = Judge(_LIST)
_DECLARED = {
    "open": Declaration(expression="MIT OR Apache-2.0"),
    "closed": Declaration(expression="BUSL-1.1"),
    "unread": Declaration(file=f"LICENSE {HOSTILE}"),
    "excepted": Declaration(expression="Elastic-2.0"),
    "old": Declaration(expression="SSPL-1.0"),
}
POLICY = Policy(
    exception=(
        PolicyException(package="excepted", reason=f"seat {HOSTILE}", by="anna", until=date(2026, 12, 1)),
        PolicyException(package="nobody", reason="no need", by="anna", until=date(2026, 12, 1)),
    )
)


def report(body: bytes | None = None, path: str = "src/a b/packages.lock.json") -> Report:
    """The audit of a manifest; without one of a lock file with a package of every kind."""
    body = body if body is not None else _lock()
    source = Source(sniff.read(body).at(path), body)
    packages = gather([source.manifest], Selection())
    decider = Decider(POLICY, Baseline([("old", "expression SSPL-1.0")]), TODAY)
    answers = {one.key: _answer(one) for one in packages}
    decisions = {one.key: decider.decide(one, answers[one.key]) for one in packages}
    last = LastOpen("1.0.0", "Apache-2.0", "[1.0.0,2.0.0)")
    return Report(
        generated_at=datetime(2026, 11, 27, 12, tzinfo=UTC),
        basis=Basis(RULESET, "osi-or-fsf", "3.28.0", None, None, "https://feed.example/v3/index.json", None, None),
        sources=(source,),
        packages=tuple(
            Audited(one, answers[one.key], decisions[one.key], last if one.package_key == "closed" else None)
            for one in packages
        ),
        remarks=tuple(remarks(POLICY, packages, decisions, TODAY)),
        notes=(f"a note {HOSTILE}",),
        requests=3,
        asked=2,
    )


def written(parts: Iterable[str | bytes]) -> str:
    """A document that is written in parts, as text."""
    return b"".join(one if isinstance(one, bytes) else one.encode("utf-8", "replace") for one in parts).decode()


def spdx(folder: Path) -> str:
    """The official list as files in a folder; the path of the one that --spdx takes."""
    for name, body in zip(("licenses.json", "exceptions.json"), lists(), strict=True):
        (folder / name).write_bytes(body)
    return str(folder / "licenses.json")


def _answer(package: Package) -> Answer:
    name = package.package_key.partition(".")[0]
    if name in _DECLARED:
        declaration = _DECLARED[name]
        return answer.judged(_JUDGE.judge(declaration), declaration, "nuspec", "https://feed.example/x.nuspec")
    if name == "own":
        return answer.private("own.* is private")
    return answer.not_found("https://feed.example") if name == "gone" else answer.not_looked_up("offline")


def _lock() -> bytes:
    return b"""{"version": 1, "dependencies": {"net8.0": {
      "open": {"type": "Direct", "requested": "[1.0.0, )", "resolved": "1.0.0", "dependencies": {"closed": "2.0.0"}},
      "closed": {"type": "Transitive", "resolved": "2.0.0"},
      "unread": {"type": "Direct", "resolved": "3.0.0"},
      "excepted": {"type": "Direct", "resolved": "4.0.0"},
      "old": {"type": "Direct", "resolved": "5.0.0"},
      "own.core": {"type": "Direct", "resolved": "6.0.0"},
      "gone": {"type": "Direct", "resolved": "7.0.0"},
      "silent": {"type": "Direct", "resolved": "8.0.0"}}}}"""
