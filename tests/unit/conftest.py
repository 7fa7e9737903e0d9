"""The unit tests need no server: they are a newcomer's quick answer."""

import pytest


@pytest.fixture(scope="session")
def services() -> None:
    """No test here may want one; such a test lies in tests/integration."""
    pytest.fail("a unit test asks for a server")
