"""License URLs: one spelling for each page, and a table that cannot contradict itself."""

import csv
import random
import re
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgintel.licenses import urls
from pkgintel.licenses.expression import Reader, parse
from pkgintel.licenses.spdx import License, LicenseList
from tests.support.checkout import SHARED


@pytest.fixture(scope="module")
def official() -> LicenseList:
    """The SPDX list that the `reuse` package carries (3.27.0 in reuse 6.2)."""
    pytest.importorskip("reuse", reason="the official SPDX list is inside the reuse package")
    folder = resources.files("reuse") / "resources"
    return LicenseList.parse((folder / "licenses.json").read_bytes(), (folder / "exceptions.json").read_bytes())


@pytest.mark.parametrize(
    ("spelling", "other"),
    [
        ("http://www.apache.org/licenses/LICENSE-2.0", "https://apache.org/licenses/license-2.0.html"),
        ("http://www.apache.org/licenses/LICENSE-2.0", " HTTPS://WWW.Apache.Org:443/licenses//LICENSE-2.0.txt/#top "),
        ("http://opensource.org/licenses/MIT", "opensource.org/licenses/MIT"),
        ("http://opensource.org/licenses/mit-license", "https://www.opensource.org:80/licenses/mit-license.php"),
        ("http://opensource.org/licenses/MIT", "https://opensource.org/licenses/MIT?utm_source=x"),
        ("http://go.microsoft.com/fwlink/?LinkId=329770", "https://go.microsoft.com/fwlink/?linkid=329770"),
        ("http://go.microsoft.com/fwlink/?LinkId=329770", "http://go.microsoft.com/fwlink?clcid=0x409&LinkID=329770"),
        (
            "http://go.microsoft.com/fwlink/?LinkId=329770",
            "http://go.microsoft.com/fwlink/p/?LinkId=329770&amp;clcid=1",
        ),
        ("http://creativecommons.org/licenses/by/4.0/", "https://creativecommons.org/licenses/by/4.0/legalcode.txt"),
        ("http://creativecommons.org/licenses/by/4.0/", "https://creativecommons.org/licenses/by/4.0/deed.de"),
        ("http://www.gnu.org/licenses/gpl-3.0.html", "https://www.gnu.org/licenses/gpl-3.0.en.html"),
        ("http://www.gnu.org/licenses/gpl-3.0.html", "https://gnu.org/licenses/gpl-3.0-standalone.html"),
        ("http://max.mit-license.org/", "https://mit-license.org"),
        ("https://raw.github.com/o/r/v1/LICENSE", "https://github.com/O/R/blob/v1/LICENSE"),
        (
            "https://raw.githubusercontent.com/o/r/refs/tags/v1/LICENSE",
            "https://github.com/o/r/raw/v1/LICENSE?raw=true",
        ),
    ],
)
def test_two_spellings_of_one_page(spelling: str, other: str) -> None:
    assert urls.read(spelling).key == urls.read(other).key != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://go.microsoft.com/fwlink/?LinkId=329770", "http://go.microsoft.com/fwlink/?LinkId=329771"),
        ("http://go.microsoft.com/fwlink/?linkid=9809688", "http://go.microsoft.com/?linkid=9809688"),
        ("http://x.org/page?item_id=OFL", "http://x.org/page?item_id=GPL"),
        ("http://x.org:8080/license", "http://x.org/license"),
        ("https://opensource.org@evil.org/licenses/MIT", "https://opensource.org/licenses/MIT"),
        ("https://opensource.org.evil.org/licenses/MIT", "https://opensource.org/licenses/MIT"),
        ("ftp://x.org/license", "http://x.org/license"),
        ("https://github.com/o/r/blob/v1/LICENSE", "https://github.com/o/r/blob/v1/LICENSE.txt"),
    ],
)
def test_two_pages(one: str, other: str) -> None:
    assert urls.read(one).key != urls.read(other).key


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("", "not-a-url"),
        ("$licenseUrl$", "not-a-url"),
        ("None", "not-a-url"),
        ("MIT", "not-a-url"),
        ("http://", "not-a-url"),
        ("http://[", "not-a-url"),
        ("http://x.org:port/", "not-a-url"),
        ("javascript:alert(1)", "not-a-url"),
        ("http://evil.org\\@opensource.org/licenses/MIT", "not-a-url"),
        ("http://opensource.org/licenses/MIT\x00", "not-a-url"),
        ("http://opensource.org/" + "x" * 5_000, "not-a-url"),
        ("http://LICENSE_URL_HERE_OR_DELETE_THIS_LINE", "placeholder"),
        ("https://testlicenseurl/", "placeholder"),
        ("http://example.org/license", "placeholder"),
        ("https://aka.ms/deprecateLicenseUrl", "license-in-file"),
        ("http://AKA.MS/DEPRECATELICENSEURL/", "license-in-file"),
        ("https://www.nuget.org/packages/NUnit/3.12.0/license", "gallery"),
        ("http://nuget.org/packages/x", "gallery"),
        ("https://licenses.nuget.org/MIT", "expression"),
        ("https://licenses.nuget.org/", "page"),
        ("https://github.com/dotnet/orleans#license", "project"),
        ("https://github.com/", "project"),
        ("https://github.com/o/r/blob/master/LICENSE", "project-file"),
        ("https://github.com/o/r/blob/1.0.0/LICENSE", "project-file"),
        ("https://raw.githubusercontent.com/o/r/main/LICENSE", "project-file"),
        ("https://raw.githubusercontent.com/o/r/" + "a1" * 20 + "/LICENSE", "pinned-file"),
        ("https://gitlab.com/o/r/-/blob/master/LICENSE", "project-file"),
        ("https://bitbucket.org/o/r/src/master/LICENSE", "project-file"),
    ],
)
def test_kinds(url: str, kind: str) -> None:
    assert urls.read(url).kind == kind


def test_the_expression_in_the_path() -> None:
    assert urls.read("http://LICENSES.nuget.org/MS-PL%20OR%20(Apache-2.0+)/").expression == "MS-PL OR (Apache-2.0+)"


@given(
    st.one_of(
        st.text(), st.text().map("http://".__add__), st.from_regex(r"https?://[\w.:@%/\[\]?#&=-]*", fullmatch=True)
    )
)
def test_any_text_has_one_address(url: str) -> None:
    address = urls.read(url)
    assert address == urls.read(url)
    assert bool(address.key) == (address.kind not in {"not-a-url", "placeholder"})
    assert "\x00" not in address.key


def test_every_row_of_the_file_is_well_formed() -> None:
    with urls.CSV_FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["url", "licenses", "meaning", "source", "date", "note"]
    for row in rows:
        assert urls.read(row["url"]).key, row
        assert row["meaning"] in {"closed", "derive", "undecided"}, row
        assert row["source"], row
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"]), row
        for text in row["licenses"].split("|"):
            parse(text)
        # What is open or not follows from ids; only a document that has no id may be called closed.
        assert (row["meaning"] == "closed") == row["licenses"].startswith("LicenseRef-"), row


def meanings(entry: urls.Entry, reader: Reader) -> set[str]:
    """What the licenses of a page mean, each by itself."""
    return {entry.meaning} if entry.meaning != "derive" else {reader.meaning(parse(text)) for text in entry.licenses}


def test_every_license_of_the_file_is_on_the_official_list(official: LicenseList) -> None:
    reader = Reader(official)
    for entry in urls.curated():
        if entry.meaning == "derive":
            undecided = [text for text in entry.licenses if reader.meaning(parse(text)) == "undecided"]
            assert set(undecided) <= {"blessing", "JSON", "CC-PDDC", "Apache-1.0"}, entry


def test_no_two_facts_are_about_one_page() -> None:
    keys = [entry.key for entry in urls.curated()]
    assert len(set(keys)) == len(keys), sorted({key for key in keys if keys.count(key) > 1})


def test_no_fact_contradicts_the_list(official: LicenseList) -> None:
    reader = Reader(official)
    listed, whole = urls.table(official, []), urls.table(official)
    for key in listed.keys() & {entry.key for entry in urls.curated()}:
        assert {"open", "closed"} - (meanings(listed[key], reader) | meanings(whole[key], reader)), key
    for entry in urls.curated():
        assert meanings(entry, reader) != {"open", "closed"}, entry


def test_the_table_does_not_depend_on_order(official: LicenseList) -> None:
    licenses, facts = list(official.licenses.values()), list(urls.curated())
    random.Random(7).shuffle(licenses)
    random.Random(8).shuffle(facts)
    again = urls.table(LicenseList.of(official.version, licenses, official.exceptions.values()), facts)
    assert dict(again) == dict(urls.table(official))


def test_two_facts_about_one_page_are_refused(official: LicenseList) -> None:
    fact = urls.curated()[0]
    with pytest.raises(ValueError, match="two facts"):
        urls.table(official, [fact, urls.Entry(fact.key, "http://elsewhere", ("MIT",), "derive", "a test")])


def test_what_the_table_leaves_out_of_the_list() -> None:
    pages = (
        "https://acme.net/license.html",
        "https://acme.net/other.html#part",
        "https://github.com/o/r/blob/master/LICENSE",
        "https://github.com/o/r/blob/" + "a1" * 20 + "/LICENSE#L10",
        "https://github.com/o/r/blob/" + "a1" * 20 + "/COPYING",
    )
    table = urls.table(LicenseList.of("1", [License("X-1.0", "X", False, None, False, pages, {})]), [])
    kept = {key for key in table if key.startswith(("acme.net", "github.com"))}
    assert kept == {"acme.net/license", "github.com/o/r/blob/" + "a1" * 20 + "/copying"}


def test_no_file_on_a_branch_is_in_the_table(official: LicenseList) -> None:
    for entry in urls.table(official).values():
        assert not re.search(r"github\.com/[^/]+/[^/]+/(blob|raw|tree)/(master|main|dev|develop|trunk)/", entry.key), (
            entry
        )


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the checkout")
def test_observations_by_others_agree_with_the_table(official: LicenseList) -> None:
    """Where all observations of a page agree on open or on closed, the table must not say the opposite."""
    # ScanCode lists MPL 1.1's own page under the proprietary license of a product that mentions it.
    mistaken = {"mozilla.org/en-us/mpl/1.1"}
    observed: dict[str, set[str]] = {}
    with (SHARED / "license_url_facts.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            observed.setdefault(urls.read(row["url"]).key, set()).add(row["expected_verdict"])
    reader = Reader(official)
    for key, entry in urls.table(official).items():
        said = observed.get(key, set()) - {"unknown"}
        means = meanings(entry, reader)
        if len(said) == 1 and len(means) == 1 and "undecided" not in means:
            assert said == {"open_source" if "open" in means else "proprietary"} or key in mistaken, key
