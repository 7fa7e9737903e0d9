"""The SPDX list as it really comes, and what is refused."""

import json
from typing import Any

import pytest

from pkgintel.errors import UpstreamChanged
from pkgintel.licenses.spdx import License, LicenseList
from tests.support.checkout import SHARED

SPDX = SHARED / "spdx"


def entry(license_id: str = "MIT", **changes: Any) -> dict[str, Any]:
    """One well-formed entry of licenses.json; a change of None leaves the key out."""
    whole = {
        "reference": "./MIT.html",
        "isDeprecatedLicenseId": False,
        "detailsUrl": "http://spdx.org/licenses/MIT.json",
        "referenceNumber": "250",
        "name": "MIT License",
        "licenseId": license_id,
        "seeAlso": ["https://opensource.org/licenses/MIT"],
        "isOsiApproved": True,
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def document(*entries: dict[str, Any], version: Any = "1ff5448") -> bytes:
    return json.dumps({"licenseListVersion": version, "licenses": list(entries), "releaseDate": "2023-02-17"}).encode()


@pytest.mark.parametrize("version", ["3.8", "3.28.0", "1ff5448", "3.7-2-g5f75bd1"])
def test_a_version_is_any_text(version: str) -> None:
    assert LicenseList.parse(document(entry(), version=version)).version == version


@pytest.mark.parametrize(("given", "kept"), [(None, None), (True, True), (False, False)])
def test_not_judged_by_the_fsf_is_not_the_same_as_refused(given: bool | None, kept: bool | None) -> None:
    found = LicenseList.parse(document(entry(isFsfLibre=given))).license("mit")
    assert found is not None
    assert found.is_fsf_libre is kept


def test_an_entry_is_kept_whole_and_found_in_any_case() -> None:
    raw = entry(referenceNumber=7, invented="tomorrow")
    found = LicenseList.parse(document(raw)).license("mIT")
    assert found == License("MIT", "MIT License", True, None, False, ("https://opensource.org/licenses/MIT",), raw)


def test_exceptions_are_optional() -> None:
    exceptions = {
        "licenseListVersion": "3.28.0",
        "exceptions": [{"licenseExceptionId": "Classpath-exception-2.0", "name": "Classpath exception 2.0"}],
    }
    listed = LicenseList.parse(document(entry()), json.dumps(exceptions).encode())
    assert listed.exception("classpath-EXCEPTION-2.0") is not None
    assert not LicenseList.parse(document(entry())).exceptions


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "licenses.json"),
        (b"<html>", "licenses.json"),
        (b"[]", "licenses.json"),
        (b'{"licenses": []}', "licenseListVersion"),
        (document(), "licenses"),
        (document(entry(), version=""), "licenseListVersion"),
        (document(entry(), version=" "), "empty version"),
        (document(entry(), version=3.28), "licenseListVersion"),
        (document(entry(), entry("mit")), "twice"),
        (document(entry(licenseId=7)), "licenseId"),
        (document(entry("MIT License")), "licenseId"),
        (document(entry("MIT\n")), "licenseId"),
        (document(entry(isOsiApproved=None)), "isOsiApproved"),
        (document(entry(isOsiApproved="perhaps")), "isOsiApproved"),
        (document(entry(seeAlso="https://opensource.org/licenses/MIT")), "seeAlso"),
        (document(entry(name="")), "name"),
    ],
)
def test_a_broken_document_is_one_sentence(body: bytes, says: str) -> None:
    with pytest.raises(UpstreamChanged, match=says) as caught:
        LicenseList.parse(body)
    assert "\n" not in str(caught.value)


def test_broken_exceptions_are_named() -> None:
    with pytest.raises(UpstreamChanged, match=r"exceptions\.json"):
        LicenseList.parse(document(entry()), b'{"licenseListVersion": "3.28.0", "exceptions": [{"name": "x"}]}')


def test_stored_rows_make_the_same_list() -> None:
    parsed = LicenseList.parse(document(entry(), entry("BSD-3-Clause")))
    assert LicenseList.of(parsed.version, parsed.licenses.values()).licenses == parsed.licenses
    with pytest.raises(UpstreamChanged, match="holds no license"):
        LicenseList.of("3.28.0", [])


@pytest.mark.skipif(not SPDX.is_dir(), reason="../shared/data/spdx is not beside the checkout")
@pytest.mark.parametrize(
    ("name", "version", "licenses", "osi", "fsf", "deprecated"),
    [("licenses-3.26.0.json", "3.26.0", 680, 145, 127, 32), ("licenses-3.28.0.json", "3.28.0", 727, 149, 127, 32)],
)
def test_the_official_lists(name: str, version: str, licenses: int, osi: int, fsf: int, deprecated: int) -> None:
    listed = LicenseList.parse((SPDX / name).read_bytes(), (SPDX / "exceptions-3.28.0.json").read_bytes())
    every = listed.licenses.values()
    assert (listed.version, len(every), len(listed.exceptions)) == (version, licenses, 84)
    assert sum(one.is_osi_approved for one in every) == osi
    assert sum(one.is_fsf_libre is True for one in every) == fsf
    assert sum(one.is_deprecated for one in every) == deprecated
