"""Bills of materials: what is in them, whatever else they say."""

import pytest

from tests.unit.audit.manifests.test_formats import of, pairs, read

CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "metadata": {"component": {"type": "application", "name": "shop", "bom-ref": "root"}},
    "components": [
        {"type": "library", "name": "A", "bom-ref": "a", "purl": "pkg:nuget/A@1.0.0", "scope": "required"},
        {
            "type": "library",
            "name": "B",
            "bom-ref": "b?package-id=7",
            "purl": "PKG:NuGet/B@2.0.0-beta.1?x=y#z",
            "scope": "excluded",
            "components": [{"type": "library", "name": "Nested", "purl": "pkg:nuget/Nested@3.0.0"}],
        },
        {"type": "library", "name": "left-pad", "purl": "pkg:npm/left-pad@1.0.0"},
        {"type": "library", "name": "nameless"},
        {"type": "file", "name": "a.dll"},
    ],
    "dependencies": [{"ref": "root", "dependsOn": ["a"]}, {"ref": "a", "dependsOn": ["b?package-id=7"]}],
}


def test_cyclonedx_json() -> None:
    found = read(CYCLONEDX)
    assert pairs(found) == {("A", "1.0.0"), ("B", "2.0.0-beta.1"), ("Nested", "3.0.0")}
    assert (of(found, "A").direct, of(found, "B").direct, of(found, "Nested").direct) == (True, False, None)
    assert of(found, "B").path == ("A", "B")
    assert (of(found, "A").scope, of(found, "B").scope) == ("runtime", "development")
    assert found.notes == (
        "1 entry not judged, without a package URL: nameless",
        "1 component of other ecosystems not judged: npm 1",
    )


@pytest.mark.parametrize("version", ["1.2", "1.4", "1.6"])
def test_cyclonedx_xml(version: str) -> None:
    found = read(
        f"""\ufeff<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/{version}">
        <metadata><component type="application" bom-ref="root"><name>shop</name></component></metadata>
        <components><component type="library" bom-ref="a"><name>A</name><version>1.0</version><scope>required</scope>
          <purl>pkg:nuget/A@1.0</purl><components><component type="library"><name>N</name>
          <purl>pkg:nuget/N@2.0</purl></component></components></component></components>
        <dependencies><dependency ref="root"><dependency ref="a"/></dependency></dependencies></bom>""".encode()
    )
    assert pairs(found) == {("A", "1.0"), ("N", "2.0")}
    assert of(found, "A").direct is True


def test_spdx_2_with_the_version_inside_of_the_name() -> None:
    found = read(
        {
            "spdxVersion": "SPDX-2.2",
            "documentDescribes": ["SPDXRef-Root"],
            "packages": [
                {"SPDXID": "SPDXRef-Root", "name": "shop"},
                {
                    "SPDXID": "SPDXRef-A",
                    "name": "A",
                    "versionInfo": "1.0.0",
                    "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:nuget/A%401.0.0"}],
                },
                {"SPDXID": "SPDXRef-B", "name": "nuget:B", "versionInfo": "2.0.0"},
                {"SPDXID": "SPDXRef-C", "name": "C", "versionInfo": "3.0.0"},
            ],
            "relationships": [
                {"spdxElementId": "SPDXRef-Root", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-A"},
                {
                    "spdxElementId": "SPDXRef-B",
                    "relationshipType": "DEV_DEPENDENCY_OF",
                    "relatedSpdxElement": "SPDXRef-A",
                },
            ],
        }
    )
    assert pairs(found) == {("A", "1.0.0"), ("B", "2.0.0")}
    assert of(found, "B").path == ("A", "nuget:B")
    assert of(found, "B").scope == "development"
    assert found.notes == ("1 entry not judged, without a package URL: C",)


def test_spdx_3_follows_references() -> None:
    graph = [
        {"type": "software_Package", "spdxId": "p1", "name": "A", "software_packageVersion": "1.0.0",
         "externalIdentifier": ["e1"]},
        {"type": "software_Package", "spdxId": "p2", "name": "B", "software_packageUrl": "pkg:nuget/B@2.0.0"},
        {"type": "software_Package", "spdxId": "p3", "name": "C", "externalIdentifier": [
            {"externalIdentifierType": "packageUrl", "identifier": "pkg:nuget/C@3.0.0"}]},
        {"type": "ExternalIdentifier", "spdxId": "e1", "externalIdentifierType": "purl",
         "identifier": "pkg:nuget/A@1.0.0"},
    ]  # fmt: skip
    assert pairs(read({"@context": "x", "@graph": graph})) == {("A", "1.0.0"), ("B", "2.0.0"), ("C", "3.0.0")}
