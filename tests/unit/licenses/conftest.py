"""One judge for all tests of verdicts."""

import pytest

from pkgintel.licenses.verdict import Judge
from tests.support.verdicts import official


@pytest.fixture(scope="session")
def judge() -> Judge:
    """Over the SPDX list that the `reuse` package carries."""
    return Judge(official())
