"""What is known of one version: its verdict, and where that comes from."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from pkgintel.audit.package import Package
from pkgintel.licenses.evidence import Evidence
from pkgintel.licenses.verdict import Declaration, Verdict
from pkgintel.text import plain

Outcome: TypeAlias = Literal["open_source", "proprietary", "unknown", "private", "not_found", "not_looked_up"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
Source: TypeAlias = Literal["database", "nuspec"]

RULES = {
    "private": "the package is your own: nobody outside was asked, and nothing is judged",
    "not-found": "the package source says that it has no such version",
    "not-looked-up": "the version was not looked up, so nothing is known of it",
    "not-resolved": "no version is resolved here, so there is nothing to look up",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict on a version, or why there is none. `rule` is one of the rules of verdicts or of RULES."""

    verdict: Outcome
    rule: str
    reason: str
    evidence: Evidence | None = None
    spdx_ids: tuple[str, ...] = ()
    declaration: Declaration | None = None
    source: Source | None = None
    document_url: str | None = None

    @property
    def license(self) -> str | None:
        """What the version declares, as a person reads it."""
        said = self.declaration
        if said is None:
            return None
        if said.expression is not None:
            return said.expression
        return f"file {said.file}" if said.file is not None else said.url

    @property
    def declares(self) -> str:
        """The declaration in one line, by which exceptions and baselines know it."""
        return declared(self.declaration)


def judged(verdict: Verdict, declaration: Declaration, source: Source, document_url: str) -> Answer:
    """The answer that a verdict gives."""
    return Answer(
        verdict.verdict,
        verdict.rule,
        verdict.reason,
        verdict.evidence,
        tuple(verdict.spdx_ids),
        declaration,
        source,
        document_url,
    )


def private(why: str) -> Answer:
    """A package of one's own."""
    return Answer("private", "private", f"Nobody outside was asked about this package: {why}.")


def not_found(source: str, url: str | None = None) -> Answer:
    """A version that the source does not have."""
    reason = f"{plain(source, 200)} has no such version; a source that has it would decide this."
    return Answer("not_found", "not-found", reason, source="nuspec", document_url=url)


def not_looked_up(why: str) -> Answer:
    """A version that nobody asked for, or whose source did not answer."""
    return Answer("not_looked_up", "not-looked-up", f"The version was not looked up: {plain(why, 400)}.")


def not_resolved(package: Package) -> Answer:
    """A package of which only a restore can say which version is used."""
    asked = plain(package.requested, 100)
    return Answer(
        "not_looked_up",
        "not-resolved",
        f"Only a restore can say which version is meant by {asked!r}; a lock file would decide this.",
    )


def declared(declaration: Declaration | None) -> str:
    """A declaration in one line: "expression MIT", "file LICENSE", "url https://…", "nothing"."""
    if declaration is None:
        return "nothing"
    if declaration.expression is not None:
        return f"expression {declaration.expression.strip()}"
    if declaration.file is not None:
        return f"file {declaration.file.strip()}"
    return f"url {declaration.url.strip()}" if declaration.url is not None else "nothing"
