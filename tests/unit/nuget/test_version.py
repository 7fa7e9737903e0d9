"""NuGet versions: the key that names one, and the order, against an own oracle and an independent library."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from univers.versions import NugetVersion

from pkgintel.nuget import version
from tests.support import oracle

numbers = st.integers(0, 12) | st.integers(0, 2**31 - 1)
labels = st.lists(
    st.from_regex(r"[0-9A-Za-z-]{1,6}", fullmatch=True)
    | st.sampled_from(["alpha", "Alpha", "beta", "1", "10", "2", "-1"]),
    min_size=1,
    max_size=3,
)


@st.composite
def versions(draw: st.DrawFn) -> str:
    parts = draw(st.lists(numbers.map(lambda n: "0" * (n % 3 == 0) + str(n)), min_size=1, max_size=4))
    text = ".".join(parts)
    if draw(st.booleans()):
        text += "-" + ".".join(draw(labels))
    return text + draw(st.sampled_from(["", "+build", "+2024-01.x"]))


@given(versions(), versions())
def test_key_and_order_are_the_oracles(one: str, other: str) -> None:
    found, against = version.parse(one), version.parse(other)
    assert found.key == oracle.version_key(one)
    assert found.is_prerelease == ("-" in found.key)
    want = oracle.version_order(found.key), oracle.version_order(against.key)
    assert (found.order < against.order) == (want[0] < want[1])
    assert (found.order == against.order) == (want[0] == want[1])


# univers is right about numbers, stability and labels but for three things, which are kept away from it: it compares
# the fourth number only where the first three are equal and then forgets it, takes no more than three numbers with
# labels well, and knows neither labels with leading zeros nor negative ones.
plain_labels = st.lists(
    st.sampled_from(["alpha", "BETA", "beta", "rc", "1", "2", "10", "x-y", "a1"]), min_size=1, max_size=3
)
plain = st.builds(
    lambda parts, tail: ".".join(map(str, parts)) + ("-" + ".".join(tail) if tail else ""),
    st.lists(st.integers(0, 12), min_size=3, max_size=3),
    st.none() | plain_labels,
)


@given(plain, plain)
def test_the_order_is_that_of_univers(one: str, other: str) -> None:
    assert (version.parse(one).order < version.parse(other).order) == (NugetVersion(one) < NugetVersion(other))


def test_a_ladder_of_versions_is_in_order() -> None:
    ladder = [
        "0.0.1-0", "0.0.1", "1.0-alpha", "1.0.0-ALPHA.1", "1.0.0-alpha.1.0", "1.0.0-alpha.2", "1.0.0-alpha.10",
        "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta-2", "1.0.0-rc", "1.0", "1.0.0.1-pre", "1.0.0.1", "1.0.0.10",
        "1.0.1", "1.2", "1.10", "2.0.0-0", "2", "10.0.0", "2147483647.0.0",
    ]  # fmt: skip
    for lower, higher in itertools.combinations(ladder, 2):
        assert version.parse(lower).order < version.parse(higher).order, (lower, higher)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1", "1.0.0"),
        ("01.02", "1.2.0"),
        ("1.0.0.0", "1.0.0"),
        ("1.0.0.5", "1.0.0.5"),
        ("5.2.105-Preview-1", "5.2.105-preview-1"),
        ("1.0.0-Beta.01", "1.0.0-beta.01"),
        ("1.0.0+MySQL8.0.33", "1.0.0"),
        (" 1.2.3 ", "1.2.3"),
    ],
)
def test_keys(text: str, key: str) -> None:
    assert version.parse(text).key == key


@pytest.mark.parametrize(
    "text", ["", "x", "1.2.3.4.5", "1.", "1..2", "v1.0", "1.0-", "1.0+", "1.0-a..b", "2147483648", "1.0_a", "1.٣", "-1"]
)
def test_what_is_no_version_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is not a NuGet version"):
        version.parse(text)


def test_equal_versions_have_equal_order_whatever_their_spelling() -> None:
    assert version.parse("1.0").order == version.parse("1.0.0.0+x").order
    assert version.parse("1.0-RC").order == version.parse("1.0.0-rc").order
