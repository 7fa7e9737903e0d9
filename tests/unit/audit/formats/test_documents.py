"""An audit as documents: others' readers and validators take each of them, and no text in it becomes more than text."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Literal

import pytest
from defusedxml import ElementTree

from pkgintel.audit.formats import bom_json, junit, markdown, page, parts, pins, rows, sarif, whole
from pkgintel.errors import SettingsError
from tests.support.audits import report, written

DECISIONS = {
    "closed": "breach", "excepted": "excepted", "gone": "warned", "old": "baseline", "open": "pass", "own.core": "pass",
    "silent": "warned", "unread": "warned",
}  # fmt: skip


def test_json_has_every_version() -> None:
    found = json.loads(written(whole.write(report())))
    assert found["schema"] == "pkgintel.audit/1"
    assert {one["package_id"]: one["decision"] for one in found["packages"]} == DECISIONS
    assert found["summary"] == {
        "packages": 8, "open_source": 1, "proprietary": 3, "unknown": 1, "private": 1, "not_found": 1,
        "not_looked_up": 1, "breaches": 1, "excepted": 1, "baseline": 1, "warned": 3, "passed": 2,
    }  # fmt: skip
    closed = next(one for one in found["packages"] if one["package_id"] == "closed")
    assert closed["from"][0]["path"] == ["open", "closed"]
    assert (closed["keep_range"], closed["spdx_ids"]) == ("[1.0.0,2.0.0)", ["BUSL-1.1"])
    assert written(whole.write(report())) == written(whole.write(report()))


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [{}],
        [{"a": [1, {"b": []}], "c": None}, {"d": 'x\x00\x7f\u00e9\u2028\U0001f600"\\'}],
        [{"half": "\ud800"}, {"b": 2}],
    ],
)
def test_a_document_in_parts_is_the_document(entries: list[parts.Object]) -> None:
    whole_one: parts.Object = {"first": {"deep": {"entries": [*entries]}}, "says": '"entries": []', "last": True}
    empty: parts.Object = {"first": {"deep": {"entries": []}}, "says": '"entries": []', "last": True}
    expected = json.dumps(whole_one, indent=2).replace("\x7f", "\\u007f") + "\n"
    assert written(parts.filled(empty, "entries", entries)) == expected


def test_csv_has_no_formula() -> None:
    whole_report = report()
    one = whole_report.packages[0]
    forged = replace(one, answer=replace(one.answer, reason="=1+1"))
    text = written(rows.write(replace(whole_report, packages=(forged, *whole_report.packages[1:]))))
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert found[0]["reason"] == "'=1+1"
    assert {one["package_id"]: one["decision"] for one in found} == DECISIONS
    assert not [cell for one in found for cell in one.values() if cell.startswith(("=", "+", "@"))]


def test_sarif_is_of_the_shape_that_its_schema_asks_for() -> None:
    document = json.loads(written(sarif.write(report())))
    assert document["version"] == "2.1.0"
    run = document["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    levels = {one["properties"]["purl"]: one["level"] for one in run["results"]}
    assert levels["pkg:nuget/closed@2.0.0"] == "error"
    assert levels["pkg:nuget/unread@3.0.0"] == "warning"
    assert "pkg:nuget/open@1.0.0" not in levels
    for one in run["results"]:
        assert rules[one["ruleIndex"]] == one["ruleId"]
        place = one["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "src/a%20b/packages.lock.json", "uriBaseId": "%SRCROOT%"}
        assert place["region"]["startLine"] > 1
        assert one["baselineState"] in ("new", "unchanged")
        assert re.fullmatch("[0-9a-f]{64}", one["partialFingerprints"]["pkgintel/v1"])
    kept = [one for one in run["results"] if "suppressions" in one]
    assert [one["suppressions"][0]["kind"] for one in kept] == ["external"]


def test_junit_can_be_read() -> None:
    root = ElementTree.fromstring(written(junit.write(report())))
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("8", "1", "3")
    failed = [one.get("name") for one in root.iter("testcase") if one.find("failure") is not None]
    assert failed == ["closed 2.0.0"]


def test_junit_is_what_both_schemas_in_use_allow() -> None:
    root = ElementTree.fromstring(written(junit.write(report())))
    (suite,) = root
    assert root.attrib == {}
    assert set(suite.attrib) == {
        "id", "package", "name", "hostname", "tests", "failures", "errors", "skipped", "time", "timestamp",
    }  # fmt: skip
    assert list(dict.fromkeys(child.tag for child in suite)) == ["properties", "testcase", "system-out", "system-err"]
    assert {child.tag for one in suite.iter("testcase") for child in one} == {"failure", "skipped"}
    assert {name for one in suite.iter("testcase") for name in one.attrib} == {"classname", "name", "time"}
    warned = suite.findtext("system-out") or ""
    assert [line.partition(":")[0] for line in warned.splitlines()] == ["gone 7.0.0", "silent 8.0.0", "unread 3.0.0"]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        assert not [name for name, _ in attrs if name.startswith("on")]
        assert not [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_runs_one_script_and_loads_nothing() -> None:
    text = written(page.write(report()))
    read = _Page()
    read.feed(text)
    assert read.scripts == 1
    assert "<script>alert(1)</script>" in "".join(read.text)
    assert "{{script}}" in "".join(read.text)
    assert "1 breach" in "".join(read.text)
    assert "\x1b" not in text


def test_markdown_keeps_what_strangers_wrote_in_code() -> None:
    text = written(markdown.write(report()))
    assert "1 breach" in text
    assert "`1.0.0 was open_source (Apache-2.0): stay in [1.0.0,2.0.0).`" in text
    lines = [line for line in text.splitlines() if "script" in line]
    assert lines
    for line in lines:
        assert "<script" not in re.sub("`[^`]*`", "", line)
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {5}


def test_pins() -> None:
    text = pins.write(report())
    assert '<PackageVersion Include="closed" Version="[1.0.0,2.0.0)" />' in text
    assert '"allowedVersions": "[1.0.0,2.0.0)"' in text


def fault(text: str, form: Literal["json", "xml"], version: str) -> object:
    """What the schemas of CycloneDX find wrong in a bill of materials; None where nothing is."""
    # Slow to import: every process of a run collects this module, and one needs it.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    from cyclonedx.validation.xml import XmlValidator

    validator = JsonStrictValidator if form == "json" else XmlValidator
    return validator(SchemaVersion.from_version(version)).validate_str(text)


def test_a_new_bill_of_materials_is_valid() -> None:
    text = written(bom_json.write(report()))
    assert isinstance(text, str)
    assert fault(text, "json", "1.6") is None
    assert {one["name"] for one in json.loads(text)["components"]} == set(DECISIONS)


BOM = {
    "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
    "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
    "components": [
        {"type": "library", "name": "open", "version": "1.0.0", "purl": "pkg:nuget/Open@1.0.0",
         "properties": [{"name": "own", "value": "1"}, {"name": "pkgintel:verdict", "value": "old"}],
         "components": [{"type": "library", "name": "closed", "version": "2.0.0", "purl": "pkg:nuget/closed@2.0.0",
                         "licenses": [{"license": {"name": "As it says"}}]}]},
        {"type": "library", "name": "left-pad", "version": "1.0.0", "purl": "pkg:npm/left-pad@1.0.0"},
    ],
}  # fmt: skip


def test_a_bill_of_materials_gets_verdicts_and_keeps_the_rest() -> None:
    text = written(bom_json.write(report(json.dumps(BOM).encode(), "bom.json")))
    assert isinstance(text, str)
    assert fault(text, "json", "1.5") is None
    found = json.loads(text)
    first, other = found["components"]
    nested = first["components"][0]
    assert first["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert {one["name"]: one["value"] for one in nested["properties"]}["pkgintel:verdict"] == "proprietary"
    assert other == BOM["components"][1]  # type: ignore[index]
    assert nested["licenses"] == [{"license": {"name": "As it says"}}]
    assert first["properties"][0]["name"] == "own"
    for one in (first, nested):
        one["properties"] = [entry for entry in one["properties"] if not entry["name"].startswith("pkgintel:")]
    del first["licenses"], nested["properties"]
    original = json.loads(json.dumps(BOM))
    original["components"][0]["properties"].pop()
    assert found == original


XML = """\ufeff<?xml version="1.0" encoding="utf-8"?>
<!-- kept --><b:bom xmlns:b="http://cyclonedx.org/schema/bom/1.6" version="1">
  <b:components>
    <b:component type="library"><b:name>open</b:name><b:version>1.0.0</b:version>
      <b:purl>pkg:nuget/open@1.0.0</b:purl>
      <b:components><b:component type="library"><b:name>closed</b:name><b:version>2.0.0</b:version>
        <b:licenses><b:license><b:name>As it says</b:name></b:license></b:licenses>
        <b:purl>pkg:nuget/closed@2.0.0</b:purl><b:properties/></b:component></b:components>
    </b:component>
    <b:component type="library"><b:name>old</b:name><b:version>5.0.0</b:version><b:purl>pkg:nuget/old@5.0.0</b:purl>
      <b:properties><b:property name="own">1</b:property></b:properties></b:component>
    <b:component type="library"><b:name>x</b:name><b:version>1</b:version><b:purl>pkg:npm/x@1</b:purl></b:component>
  </b:components>
</b:bom>"""


def test_xml_gets_verdicts_and_no_other_byte_changes() -> None:
    body = list(bom_json.write(report(XML.encode(), "bom.xml")))
    assert all(isinstance(part, bytes) for part in body)
    text = written(body)
    assert fault(text.removeprefix("\ufeff"), "xml", "1.6") is None
    said = '<b:licenses><b:expression acknowledgement="declared">'
    assert text.count(said) == 2  # The nested one states its license itself.
    without = re.sub(r'<b:property name="pkgintel:[^<]*</b:property>', "", text)
    empty = "<b:properties></b:properties></b:component></b:components>"
    without = without.replace(empty, "<b:properties/></b:component></b:components>")
    without = re.sub(re.escape(said) + "[^<]*</b:expression></b:licenses>", "", without)
    assert without.replace("<b:properties></b:properties>", "") == XML


@pytest.mark.parametrize("version", ["1.2", "1.0"])
def test_a_version_without_a_place_for_verdicts_is_refused(version: str) -> None:
    with pytest.raises(SettingsError, match="no place for verdicts"):
        written(bom_json.write(report(json.dumps(BOM | {"specVersion": version}).encode(), "bom.json")))
    with pytest.raises(SettingsError, match="no place for verdicts"):
        written(bom_json.write(report(XML.replace("bom/1.6", f"bom/{version}").encode(), "bom.xml")))
