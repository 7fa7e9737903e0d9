"""License expressions: grammar, meaning, and that no text can hurt."""

import itertools
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pkgintel.licenses.expression import (
    MAX_DEPTH,
    MAX_LENGTH,
    Group,
    MalformedExpression,
    Meaning,
    Tree,
    evaluate,
    leaves,
    parse,
)
from pkgintel.licenses.expression import License as Leaf
from pkgintel.licenses.meaning import Policy, Reader
from pkgintel.licenses.spdx import License, LicenseException, LicenseList


def listed(license_id: str, *, osi: bool = False, fsf: bool | None = None, deprecated: bool = False) -> License:
    return License(license_id, license_id, osi, fsf, deprecated, (), {})


LIST = LicenseList.of(
    "3.28.0",
    [
        listed("MIT", osi=True, fsf=True),
        listed("Apache-2.0", osi=True, fsf=True),
        listed("GPL-2.0-only", osi=True, fsf=True),
        listed("GPL-2.0+", osi=True, fsf=True, deprecated=True),
        listed("CC0-1.0", fsf=True),
        listed("WTFPL", fsf=True),
        listed("SISSL", osi=True, fsf=True),
        listed("Watcom-1.0", osi=True, fsf=False),
        listed("SSPL-1.0"),
        listed("BUSL-1.1"),
        listed("CC-BY-NC-4.0"),
        listed("JSON", fsf=False),
        listed("blessing"),
    ],
    [LicenseException("Classpath-exception-2.0", "Classpath exception 2.0", False, {})],
)
OPEN, CLOSED, UNDECIDED = "MIT", "SSPL-1.0", "blessing"


def meaning(text: str, policy: Policy = "osi-or-fsf") -> Meaning:
    return Reader(LIST, policy).meaning(parse(text))


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("MIT", "open"),
        (" mit ", "open"),
        ("(MIT)", "open"),
        ("((MIT))", "open"),
        ("MIT+", "open"),
        ("GPL-2.0+", "open"),
        ("CC0-1.0", "open"),
        ("SISSL", "open"),
        ("Watcom-1.0", "open"),
        ("SSPL-1.0", "closed"),
        ("SSPL-1.0+", "closed"),
        ("BUSL-1.1", "closed"),
        ("CC-BY-NC-4.0", "closed"),
        ("JSON", "closed"),
        ("blessing", "undecided"),
        ("UNLICENSED", "undecided"),
        ("NOASSERTION", "undecided"),
        ("Elastic-2.0", "undecided"),  # Restrictive, but not on this list.
        ("LicenseRef-MIT", "undecided"),
        ("DocumentRef-a:LicenseRef-b", "undecided"),
        ("documentref-a:licenseref-b", "undecided"),
        ("MIT OR SSPL-1.0", "open"),
        ("MIT AND SSPL-1.0", "closed"),
        ("MIT AND blessing", "undecided"),
        ("SSPL-1.0 AND blessing", "closed"),
        ("SSPL-1.0 OR blessing", "undecided"),
        ("SSPL-1.0 or busl-1.1", "closed"),
        ("SSPL-1.0 OR MIT AND blessing", "undecided"),
        ("MIT OR SSPL-1.0 AND blessing", "open"),
        ("(MIT OR SSPL-1.0) AND BUSL-1.1", "closed"),
        ("mit and(apache-2.0)", "open"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "open"),
        ("gpl-2.0-only with classpath-EXCEPTION-2.0", "open"),
        ("GPL-2.0-only WITH Invented-exception", "undecided"),
        ("SSPL-1.0 WITH Classpath-exception-2.0", "closed"),
        ("GPL-2.0+ WITH Classpath-exception-2.0 OR MIT", "open"),
        ("MIT\tOR\r\nSSPL-1.0", "open"),
    ],
)
def test_meaning(text: str, means: Meaning) -> None:
    assert meaning(text) == means


@pytest.mark.parametrize(
    ("text", "means"), [("MIT", "open"), ("CC0-1.0", "undecided"), ("CC0-1.0 OR MIT", "open"), ("SSPL-1.0", "closed")]
)
def test_the_policy_may_count_the_osi_only(text: str, means: Meaning) -> None:
    assert meaning(text, "osi") == means


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "()", "( )", "(", ")", "(MIT", "MIT)", ")MIT(", "MIT OR", "OR MIT", "MIT AND OR MIT", "MIT MIT",
        "WITH", "MIT WITH", "WITH MIT", "MIT WITH (Classpath-exception-2.0)",
        "(MIT OR MIT) WITH Classpath-exception-2.0",
        "MIT WITH Classpath-exception-2.0 WITH Classpath-exception-2.0", "MIT (OR) MIT", "(MIT)(MIT)", "MIT +", "+",
        "MIT++", "(MIT)+", "MIT/Apache-2.0", "MIT, Apache-2.0", "MIT | Apache-2.0", "MIT_", "a:b", "DocumentRef-a:MIT",
        "LicenseRef-", "DocumentRef-a", "MIT\x00", "MIT\xa0OR MIT", "МIT", "MIT\ud800", "GNU GPL v2", "MIT () OR MIT",
        "http://opensource.org/licenses/MIT",
    ],
)  # fmt: skip
def test_malformed(text: str) -> None:
    with pytest.raises(MalformedExpression) as caught:
        parse(text)
    assert str(caught.value)
    assert not str(caught.value).endswith(".")


def test_the_tree_keeps_what_was_written() -> None:
    tree = parse("(MIT or (apache-2.0+ and GPL-2.0-only WITH Classpath-exception-2.0))")
    assert str(tree) == "MIT OR (apache-2.0+ AND GPL-2.0-only WITH Classpath-exception-2.0)"
    assert list(leaves(tree)) == [
        Leaf("MIT"),
        Leaf("apache-2.0", or_later=True),
        Leaf("GPL-2.0-only", exception="Classpath-exception-2.0"),
    ]


def test_a_finding_says_what_it_matched() -> None:
    reader = Reader(LIST)
    assert reader.finding(Leaf("mit")).evidence().as_json() == {"id": "MIT", "means": "open", "matched": ["osi", "fsf"]}
    assert reader.finding(Leaf("sspl-1.0")).evidence().as_json()["category"] == "Source-available"
    assert reader.finding(Leaf("GPL-2.0", or_later=True)).listed_id == "GPL-2.0+"
    assert reader.finding(Leaf("MIT", exception="Nope")).matched == ("osi", "fsf", "unknown-exception")
    assert reader.finding(Leaf("Nope")).matched == ("unlisted",)
    assert reader.finding(Leaf("blessing")).matched == ("listed",)
    assert reader.finding(Leaf("none")).matched == ("none",)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "MIT" + ")" * 10_000,
        "(" * (MAX_DEPTH + 1) + "MIT" + ")" * (MAX_DEPTH + 1),
        "(" * 1_000_000,
        "MIT OR " * 150_000 + "MIT",
        "M" * 1_000_000,
        "MIT AND (MIT OR " * 3_000 + "MIT" + ")" * 3_000,
        "()" * 4_000,
        "OR " * 3_000,
        "MIT WITH " * 1_000,
    ],
)
def test_huge_texts_neither_crash_nor_hang(text: str) -> None:
    before = time.monotonic()
    with pytest.raises(MalformedExpression):
        parse(text)
    assert time.monotonic() - before < 2


def test_what_fits_the_bounds_is_read() -> None:
    assert meaning("(" * MAX_DEPTH + "MIT" + ")" * MAX_DEPTH) == "open"
    assert meaning("MIT AND (blessing OR " * (MAX_DEPTH - 1) + "MIT" + ")" * (MAX_DEPTH - 1)) == "open"
    assert meaning(("MIT OR " * MAX_LENGTH)[: MAX_LENGTH - 4] + " MIT") == "open"


ATOMS = st.sampled_from(
    ["MIT", "Apache-2.0", "SSPL-1.0", "CC-BY-NC-4.0", "blessing", "LicenseRef-x", "Nope-1.0", "MIT+"]
)
TREES: st.SearchStrategy[Tree] = st.recursive(
    ATOMS.map(parse),
    lambda inner: st.builds(Group, st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=4).map(tuple)),
    max_leaves=12,
)


def brute_force(tree: Tree, means: dict[str, Meaning]) -> Meaning:
    """Every undecided leaf may turn out either way: the tree is decided if all ways agree."""
    doubtful = sorted({leaf.id for leaf in leaves(tree) if means[leaf.id] == "undecided"})
    outcomes = set()
    for values in itertools.product([False, True], repeat=len(doubtful)):
        turned = dict(zip(doubtful, values, strict=True))

        def is_open(node: Tree, turned: dict[str, bool] = turned) -> bool:
            if isinstance(node, Leaf):
                return turned.get(node.id, means[node.id] == "open")
            return (any if node.operator == "OR" else all)(is_open(part, turned) for part in node.parts)

        outcomes.add(is_open(tree))
    if len(outcomes) == 2:
        return "undecided"
    return "open" if outcomes.pop() else "closed"


@given(TREES)
def test_evaluation_agrees_with_brute_force(tree: Tree) -> None:
    # Every open and closed id keeps its meaning; ids are monotone, so trying both ways for the doubtful ones is exact.
    reader = Reader(LIST)
    means = {leaf.id: reader.finding(leaf).meaning for leaf in leaves(tree)}
    assert reader.meaning(tree) == brute_force(tree, means)


@given(TREES)
def test_what_is_written_is_read_back(tree: Tree) -> None:
    assert str(parse(str(tree))).replace("(", "").replace(")", "") == str(tree).replace("(", "").replace(")", "")
    assert meaning(str(tree)) == Reader(LIST).meaning(tree)


@given(TREES, st.randoms(use_true_random=False), st.data())
def test_case_spacing_and_brackets_change_nothing(tree: Tree, random: object, data: st.DataObject) -> None:
    space = st.sampled_from([" ", "  ", "\t", "\n", " \r\n "])

    def write(node: Tree) -> str:
        if isinstance(node, Leaf):
            text = "".join(data.draw(st.sampled_from([c.lower(), c.upper()])) for c in str(node))
        else:
            word = data.draw(st.sampled_from([node.operator, node.operator.lower(), node.operator.title()]))
            # An AND inside an OR may go without its brackets, for AND binds tighter.
            parts = [
                write(part)
                if isinstance(part, Leaf) or (part.operator, node.operator) == ("AND", "OR")
                else f"({write(part)})"
                for part in node.parts
            ]
            text = parts[0]
            for part in parts[1:]:
                text += data.draw(space) + word + data.draw(space) + part
            return text
        return f"({data.draw(space)}{text})" if data.draw(st.booleans()) else text

    assert meaning(write(tree)) == Reader(LIST).meaning(tree)


TOKENS = st.sampled_from(
    ["MIT", "OR", "AND", "WITH", "(", ")", "+", "LicenseRef-x", "and", "Classpath-exception-2.0", ":", "é"]
)


@settings(max_examples=300)
@given(st.one_of(st.text(), st.lists(TOKENS, max_size=12).map(" ".join), st.lists(TOKENS, max_size=12).map("".join)))
@example("()")
def test_any_text_is_read_or_malformed(text: str) -> None:
    try:
        tree = parse(text)
    except MalformedExpression:
        return
    assert evaluate(tree, lambda _: "open") == "open"
