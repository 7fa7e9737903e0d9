"""The table of pages: it cannot contradict itself, says how far each row can be relied on, and knows dates."""

import csv
import itertools
import random
import re
from datetime import UTC, datetime
from importlib import resources

import pytest

from pkgintel.licenses import facts, pages, urls
from pkgintel.licenses.expression import parse
from pkgintel.licenses.meaning import Reader
from pkgintel.licenses.spdx import License, LicenseList
from pkgintel.licenses.verdict import Declaration, Judge, Verdict
from tests.support.checkout import SHARED

FWLINK = "http://go.microsoft.com/fwlink/?LinkId="


@pytest.fixture(scope="module")
def official() -> LicenseList:
    """The SPDX list that the `reuse` package carries (3.27.0 in reuse 6.2)."""
    pytest.importorskip("reuse", reason="the official SPDX list is inside the reuse package")
    folder = resources.files("reuse") / "resources"
    return LicenseList.parse((folder / "licenses.json").read_bytes(), (folder / "exceptions.json").read_bytes())


def test_every_row_of_the_file_is_well_formed() -> None:
    rows = facts.rows("urls")
    assert list(rows[0]) == ["url", "licenses", "meaning", "nature", "from", "until", "source", "date", "note"]
    for row in rows:
        assert urls.read(row["url"]).key, row
        assert row["meaning"] in {"closed", "derive", "undecided"}, row
        assert row["source"], row
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"]), row
        assert row["nature"] in pages.NATURES, row
        for name in ("from", "until"):
            assert re.fullmatch(r"(\d{4}-\d\d-\d\d)?", row[name]), row
        for text in row["licenses"].split("|"):
            parse(text)
        # What is open or not follows from ids; only a document that has no id may be called closed.
        if row["meaning"] != "undecided":
            assert (row["meaning"] == "closed") == row["licenses"].startswith("LicenseRef-"), row


def meanings(entry: pages.Entry, reader: Reader) -> set[str]:
    """What the licenses of a page mean, each by itself."""
    return {entry.meaning} if entry.meaning != "derive" else {reader.meaning(parse(text)) for text in entry.licenses}


def test_every_license_of_the_file_is_on_the_official_list(official: LicenseList) -> None:
    reader = Reader(official)
    for entry in pages.curated():
        if entry.meaning == "derive":
            undecided = [text for text in entry.licenses if reader.meaning(parse(text)) == "undecided"]
            assert set(undecided) <= {"blessing", "JSON", "CC-PDDC", "Apache-1.0"}, entry


def test_no_two_facts_are_about_one_page_at_one_time(official: LicenseList) -> None:
    assert len(pages.table(official)) > 2_000  # It refuses two facts about one page at one time.
    dated = {entry.key for entry in pages.curated() if entry.since or entry.until}
    keys = [entry.key for entry in pages.curated() if entry.key not in dated]
    assert len(set(keys)) == len(keys), sorted({key for key in keys if keys.count(key) > 1})


def test_no_fact_contradicts_the_list(official: LicenseList) -> None:
    reader = Reader(official)
    listed = pages.table(official, [])
    for entry in pages.curated():
        if entry.key in listed:
            assert {"open", "closed"} - (meanings(listed[entry.key][0], reader) | meanings(entry, reader)), entry
    for entry in pages.curated():
        assert meanings(entry, reader) != {"open", "closed"}, entry


def test_the_table_does_not_depend_on_order(official: LicenseList) -> None:
    licenses, facts = list(official.licenses.values()), list(pages.curated())
    random.Random(7).shuffle(licenses)
    random.Random(8).shuffle(facts)
    again = pages.table(LicenseList.of(official.version, licenses, official.exceptions.values()), facts)
    assert dict(again) == dict(pages.table(official))


def test_two_facts_about_one_page_are_refused(official: LicenseList) -> None:
    fact = pages.curated()[0]
    with pytest.raises(ValueError, match="two facts"):
        pages.table(official, [fact, pages.Entry(fact.key, "http://elsewhere", ("MIT",), "derive", "a test")])


def test_what_the_table_leaves_out_of_the_list() -> None:
    see_also = (
        "https://acme.net/license.html",
        "https://acme.net/other.html#part",
        "https://github.com/o/r/blob/master/LICENSE",
        "https://github.com/o/r/blob/" + "a1" * 20 + "/LICENSE#L10",
        "https://github.com/o/r/blob/" + "a1" * 20 + "/COPYING",
    )
    table = pages.table(LicenseList.of("1", [License("X-1.0", "X", False, None, False, see_also, {})]), [])
    kept = {key for key in table if key.startswith(("acme.net", "github.com"))}
    assert kept == {"acme.net/license", "github.com/o/r/blob/" + "a1" * 20 + "/copying"}


def test_no_file_on_a_branch_is_in_the_table(official: LicenseList) -> None:
    for entry in itertools.chain(*pages.table(official).values()):
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
    for entry in itertools.chain(*pages.table(official).values()):
        key = entry.key
        said = observed.get(key, set()) - {"unknown"}
        means = meanings(entry, reader)
        if len(said) == 1 and len(means) == 1 and "undecided" not in means:
            assert said == {"open_source" if "open" in means else "proprietary"} or key in mistaken, key


def test_a_redirector_decides_only_for_the_time_in_which_somebody_independent_read_it(official: LicenseList) -> None:
    for entry in itertools.chain(*pages.table(official).values()):
        if entry.key.split("/")[0] in {"go.microsoft.com", "aka.ms", "bit.ly", "goo.gl", "tinyurl.com", "t.co"}:
            assert entry.nature == "redirector", entry
        if entry.nature == "redirector" and entry.meaning != "undecided":
            assert entry.until, entry
            assert entry.since or entry.meaning == "closed", entry
            assert re.search(r"issue \d+|commit [0-9a-f]{7}", entry.source), entry
            assert entry.source != "ClearlyDefined curations", entry


@pytest.mark.parametrize(
    ("url", "before", "read", "last", "after", "verdict"),
    [
        ("http://aka.ms/windowsazureapache2", "2014-04-02", "2014-04-03", "2019-05-01", "2019-05-02", "open_source"),
        (f"{FWLINK}331471", "2013-11-27", "2013-11-28", "2020-11-29", "2020-11-30", "open_source"),
        (f"{FWLINK}235170", "2013-11-27", "2013-11-28", "2022-06-09", "2022-06-10", "proprietary"),
        (f"{FWLINK}261272", "2014-01-27", "2014-01-28", "2015-06-15", "2015-06-16", "proprietary"),
        (f"{FWLINK}320539", "2017-07-25", "2017-07-26", "2024-03-14", "2024-03-15", "proprietary"),
        (f"{FWLINK}529443", "2015-10-22", "2015-10-23", "2020-09-06", "2020-09-07", "proprietary"),
        (f"{FWLINK}529444", "2017-06-12", "2017-06-13", "2020-05-06", "2020-05-07", "proprietary"),
    ],
)
def test_a_redirector_decides_from_its_first_reading_to_its_last(
    judge: Judge, url: str, before: str, read: str, last: str, after: str, verdict: str
) -> None:
    def found(day: str) -> Verdict:
        return judge.judge(Declaration(url=url), datetime.fromisoformat(f"{day}T12:00Z"))

    verdicts = [found(day).verdict for day in (before, read, last, after)]
    assert verdicts == ["unknown", verdict, verdict, "unknown"]
    assert "reading says where it led when the version was created (known: " in found(after).reason
    assert judge.judge(Declaration(url=url)).verdict == "unknown"


def test_what_a_page_said_follows_from_the_date() -> None:
    def at(text: str) -> datetime:
        return datetime.fromisoformat(text).astimezone(UTC)

    since, until = at("2020-01-01T00:00Z"), at("2024-09-01T00:00Z")
    entry = pages.Entry("x.org/l", "http://x.org/l", ("MIT",), "derive", "a test", since=since, until=until)
    assert entry.holds(since)
    assert entry.holds(at("2024-08-31T23:59:59.999Z"))
    assert not entry.holds(until)
    assert entry.holds(at("2024-09-01T01:00+02:00"))  # An hour before midnight in UTC.
    assert not entry.holds(at("2019-12-31T23:59Z"))
    assert not entry.holds(None)


@pytest.mark.parametrize(
    "url",
    [
        "https://source.icu-project.org/repos/icu/icu/trunk/license.html",
        "https://git.savannah.gnu.org/cgit/freetype/freetype2.git/tree/docs/FTL.TXT",
        "https://trac.enlightenment.org/e/browser/trunk/imlib2/COPYING",
        "https://svn.acme.org/trunk/COPYING",
    ],
)
def test_the_newest_state_of_a_repository_is_left_out_of_the_list(url: str) -> None:
    table = pages.table(LicenseList.of("1", [License("X-1.0", "X", False, None, False, (url,), {})]), [])
    assert urls.read(url).key not in table
