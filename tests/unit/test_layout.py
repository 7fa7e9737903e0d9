"""The tests lie as what they test lies, and no file among them is mistaken for another."""

import sys

import pytest

from tests.support.checkout import CHECKOUT

TESTS = CHECKOUT / "tests"
FILES = sorted(path for path in TESTS.rglob("*.py") if path.name != "__init__.py")


def test_no_file_bears_the_name_of_a_module_of_the_standard_library() -> None:
    names = {path.stem for path in FILES} | {path.parent.name for path in FILES}
    assert names & sys.stdlib_module_names == set()


@pytest.mark.parametrize("kind", ["unit", "integration"])
def test_every_folder_is_a_package_or_module_of_the_package(kind: str) -> None:
    for folder in (path.parent.relative_to(TESTS / kind) for path in (TESTS / kind).rglob("test_*.py")):
        room = CHECKOUT / "pkgintel" / folder
        assert (room / "__init__.py").is_file() or room.with_suffix(".py").is_file(), f"tests/{kind}/{folder}"


def test_every_test_is_unit_integration_or_acceptance() -> None:
    tests = {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")}
    assert tests == {"unit", "integration", "acceptance"}


def test_no_file_is_too_long_to_be_read() -> None:
    long = {str(path.relative_to(TESTS)) for path in FILES if len(path.read_text().splitlines()) > 450}
    assert long == set()
