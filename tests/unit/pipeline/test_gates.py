"""The gates by name: each that a task names has its checks, any other is refused."""

import pytest

from pkgintel.errors import SettingsError
from pkgintel.pipeline import checks
from pkgintel.settings import Settings


@pytest.mark.parametrize("gate", [checks.PACKAGES, checks.LICENSES, checks.VERDICTS, checks.TEXTS])
def test_each_gate_has_checks(gate: str) -> None:
    found = checks.of_gate(gate, Settings())
    assert {check.gate for check in found} == {gate}


def test_any_other_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"There is no gate 'none'; there are .*raw_license_texts"):
        checks.of_gate("none", Settings())
