"""Verdicts over the SPDX list that the `reuse` package carries, and what each of them has to say."""

import json
from importlib import resources

import pytest

from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import RULES, Verdict

PLACEHOLDER = "https://aka.ms/deprecateLicenseUrl"
EULA = "http://www.microsoft.com/web/webpi/eula/net_library_eula_enu.htm"


def official() -> LicenseList:
    pytest.importorskip("reuse", reason="the official SPDX list is inside the reuse package")
    folder = resources.files("reuse") / "resources"
    return LicenseList.parse((folder / "licenses.json").read_bytes(), (folder / "exceptions.json").read_bytes())


def assert_whole(found: Verdict) -> None:
    """What holds for every verdict: it can be stored, says why, and has a bound."""
    text = json.dumps(found.evidence.as_json(), ensure_ascii=False) + found.reason + "".join(found.spdx_ids)
    text.encode("utf-8")  # No lone surrogate.
    assert "\\u0000" not in text
    assert "\x00" not in text
    assert len(text) < 20_000
    assert json.loads(json.dumps(found.evidence.as_json())) == found.evidence.as_json()
    assert found.rule in RULES
    assert found.reason.endswith(".")
    assert "\n" not in found.reason
    assert found.evidence.as_json()["signal"] in {"expression", "url", "file", "none"}
    if found.verdict == "unknown":
        assert "would decide" in found.reason or "only the package's author can say" in found.reason
    else:
        assert found.rule.endswith({"open_source": "-open", "proprietary": "-closed"}[found.verdict])
