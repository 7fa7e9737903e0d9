"""What of the manifests is looked at."""

import pytest

from pkgintel.audit.manifests import sniff
from pkgintel.audit.package import Selection, gather
from pkgintel.errors import SettingsError

LOCK = b"""{"version": 1, "dependencies": {
  "net8.0": {"A": {"type": "Direct", "resolved": "1.0.0"}},
  "net8.0/linux-x64": {"B": {"type": "Transitive", "resolved": "1.0.0"}},
  "net472": {"C": {"type": "Direct", "resolved": "1.0.0"}}}}"""


def test_a_framework_that_no_manifest_names_is_refused() -> None:
    manifest = sniff.read(LOCK).at("packages.lock.json")
    assert [one.package_id for one in gather([manifest], Selection(framework="NET8.0"))] == ["A", "B"]
    with pytest.raises(SettingsError, match=r"--framework net9\.0 is in no manifest here: they have net472, net8\.0\."):
        gather([manifest], Selection(framework="net9.0"))


def test_manifests_that_name_no_framework_are_looked_at_under_any() -> None:
    manifest = sniff.read(b"A 1.0.0\n").at("list.txt")
    assert len(gather([manifest], Selection(framework="net9.0"))) == 1
