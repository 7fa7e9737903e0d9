"""Version ranges as NuGet reads them."""

import pytest

from pkgintel.nuget import ranges


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("1.0", ["1.0.0", "9.0"], ["0.9", "1.0.0-rc"]),
        ("[1.0]", ["1.0.0.0"], ["1.0.1"]),
        ("[7.0.0,8.0.0)", ["7.0.0", "7.9"], ["8.0.0", "6.9"]),
        ("(1.0,2.0]", ["1.0.1", "2.0"], ["1.0", "2.0.1"]),
        ("(,2.0)", ["0.1"], ["2.0"]),
        ("[1.0,)", ["1.0", "100.0"], ["0.1"]),
        ("[2024.1.130, 2025.0.0 )", ["2024.2.0"], ["2025.0.0"]),
    ],
)
def test_what_lies_in_a_range(text: str, inside: list[str], outside: list[str]) -> None:
    found = ranges.parse(text)
    assert [one for one in inside if not found.holds(one)] == []
    assert [one for one in outside if found.holds(one)] == []


@pytest.mark.parametrize("text", ["", "1.*", "[,]", "(1.0)", "[1.0,2.0", "[1.0 2.0]", "[a,b]"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ValueError, match="NuGet version"):
        ranges.parse(text)
