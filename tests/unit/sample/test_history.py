"""The sample catalog: it parses, it has every oddity it promises, it grows as the real one does.

All of it is here, for the two stages of the sample are made once.
"""

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from itertools import pairwise

import pytest

from pkgintel.errors import ServiceUnavailable
from pkgintel.nuget import documents as catalog
from pkgintel.nuget import instant
from pkgintel.nuget.documents import LEAF, Index, Item, Page
from pkgintel.nuget.instant import ticks, timestamp
from pkgintel.sample import source
from pkgintel.sample.history import OVERLAPPING, SPLIT_COMMIT, UNLISTED, SampleEvent, history, increments
from pkgintel.sample.leaf import leaf_path
from pkgintel.sample.server import serve
from pkgintel.sample.source import CATALOG_INDEX, SERVICE_INDEX, SPDX_EXCEPTIONS, SPDX_LICENSES, Sample

BASE = "http://sample:8080"
Documents = Mapping[str, bytes]


@pytest.fixture(scope="module")
def first() -> Documents:
    return Sample(1).documents(BASE)


@pytest.fixture(scope="module")
def second() -> Documents:
    return Sample(2).documents(BASE)


def pages(documents: Documents) -> list[Page]:
    index = catalog.parse(Index, documents[CATALOG_INDEX], CATALOG_INDEX)
    read = [catalog.parse(Page, documents[entry.url.removeprefix(BASE)], entry.url) for entry in index.pages]
    return sorted(read, key=lambda page: page.commit)


def items(documents: Documents) -> list[Item]:
    return [item for page in pages(documents) for item in page.items]


def raw(event: SampleEvent, documents: Documents) -> dict[str, object]:
    return json.loads(documents[leaf_path(event)])


def events(package: str, change: str | None = None) -> list[SampleEvent]:
    every = history() + increments()
    return [event for event in every if event.package_id == package and change in (None, event.change)]


def test_every_document_parses_and_tells_what_the_events_tell(second: Documents) -> None:
    expected = {BASE + leaf_path(event): event for event in Sample(2).events}
    assert len(expected) == len(Sample(2).events)
    found = {}
    for item in items(second):
        path = item.url.removeprefix(BASE)
        found[item.url] = event = catalog.event(item, second[path])
        told = expected[item.url]
        assert (event.package_key, event.version_key) == told.key
        assert (event.commit, event.leaf.kind) == (told.commit, told.kind)
        if told.kind == "delete":
            assert event.leaf.license_url is event.leaf.license_expression is event.leaf.license_file is None
            continue
        assert event.leaf.is_listed == told.listed
        assert event.leaf.license_expression == told.license_expression
        assert event.leaf.license_file == told.license_file
        assert event.leaf.license_url == told.license_url
        assert bool(event.leaf.deprecation) == told.deprecated
    assert found.keys() == expected.keys()


def test_counts_and_verdict_material() -> None:
    assert 800 <= len(history()) <= 1500
    assert len({event.key[0] for event in history()}) >= 300
    assert 15 <= len(pages(Sample(1).documents(BASE))) <= 35
    expressions = {event.license_expression for event in history()}
    urls = {event.license_url for event in history()}
    files = {event.license_file for event in history()}
    assert {"MIT", "MS-PL OR Apache-2.0", "BUSL-1.1", "GPL-2.0-only WITH Universal-FOSS-exception-1.0"} <= expressions
    assert {"http://www.apache.org/licenses/LICENSE-2.0", "http://go.microsoft.com/fwlink/?LinkId=329770"} <= urls
    assert {"LICENSE.txt", "licenses\\MIT.txt"} <= files
    assert any("net_library_eula" in (url or "") for url in urls)
    assert "https://github.com/dotnet/corefx/blob/master/LICENSE.TXT" in urls
    assert "https://licenses.nuget.org/MS-PL%20OR%20Apache-2.0" in urls
    assert all(event.license_url == "https://aka.ms/deprecateLicenseUrl" for event in history() if event.license_file)
    assert any(event.kind == "details" and event.license_url is None for event in history())


def test_newtonsoft_json_is_mit_now_and_was_not_always() -> None:
    declared = {event.version: event for event in events("Newtonsoft.Json")}
    assert declared["13.0.3"].license_expression == "MIT"
    assert declared["9.0.1"].license_expression is None
    assert declared["9.0.1"].license_url


def test_relicensed_packages() -> None:
    declared = {event.version: event for event in events("Sample.Relicensed")}
    assert declared["1.0.0"].license_expression == "MIT"
    assert declared["2.0.0"].license_expression is None
    assert "329770" in (declared["2.0.0"].license_url or "")
    closing = events("Sample.Closing")
    assert {event.stage for event in closing if event.license_expression == "MIT"} == {1}
    assert {event.stage for event in closing if event.license_expression is None} == {2}


def test_events_are_in_order_and_no_address_or_commit_is_ambiguous() -> None:
    every = history() + increments()
    assert [event.commit for event in every] == sorted(event.commit for event in every)
    assert max(Counter((event.commit, event.key) for event in every).values()) == 1
    assert len({leaf_path(event) for event in every}) == len(every)
    assert all(event.created < event.commit for event in every if event.kind == "details")


def test_the_index_is_unordered_and_pages_are_newest_first(first: Documents) -> None:
    index = catalog.parse(Index, first[CATALOG_INDEX], "")
    stamps = [entry.commit for entry in index.pages]
    assert stamps not in (sorted(stamps), sorted(stamps, reverse=True))
    assert index.commit == max(stamps)
    told = json.loads(first[CATALOG_INDEX])
    assert told["count"] == len(told["items"])
    assert sum(item["commitId"] == "00000000-0000-0000-0000-000000000000" for item in told["items"]) == 1
    headers = {entry.url: entry.commit for entry in index.pages}
    for page in pages(first):
        commits = [item.commit for item in page.items]
        assert commits == sorted(commits, reverse=True)
        assert page.commit == commits[0] == headers[page.url]


def test_several_items_share_a_commit(first: Documents) -> None:
    sizes = Counter(item.commit for item in items(first))
    assert {1, 2, 7, 20} <= set(sizes.values())


def test_a_commit_and_a_leaf_lie_on_two_pages(first: Documents) -> None:
    on = defaultdict(set)
    commits = defaultdict(set)
    for page in pages(first):
        for item in page.items:
            on[item.url].add(page.url)
            commits[item.commit].add(page.url)
    assert [len(found) for found in on.values() if len(found) > 1] == [2]
    split = [commit for commit, found in commits.items() if len(found) > 1]
    assert split == [SPLIT_COMMIT]
    assert len({item.url for item in items(first) if item.commit == SPLIT_COMMIT}) == 4


def test_two_pages_overlap_by_seconds(first: Documents) -> None:
    ordered = pages(first)
    overlaps = [
        (before, after)
        for before, after in pairwise(ordered)
        if min(item.commit for item in after.items) < before.commit
    ]
    assert len(overlaps) == 1
    assert min(item.commit for item in overlaps[0][1].items) == OVERLAPPING[0]
    assert overlaps[0][0].commit == OVERLAPPING[1] == OVERLAPPING[0] + 25_000_000


def test_timestamps_have_one_to_seven_digits_without_trailing_zeros(first: Documents) -> None:
    written = [
        item["commitTimeStamp"]
        for path, body in first.items()
        if path.startswith("/v3/catalog0/page")
        for item in json.loads(body)["items"]
    ]
    digits = Counter(len(text.partition(".")[2].removesuffix("Z")) for text in written)
    assert {1, 2, 3, 4, 5, 6, 7} <= set(digits)
    assert digits[7] > sum(digits.values()) / 2
    assert not [text for text in written if re.search(r"\.\d*0Z$", text)]


def test_ids_and_versions_are_as_odd_as_the_real_ones(first: Documents) -> None:
    names = [(item.package_id, item.version) for item in items(first)]
    assert any(package != package.lower() for package, _ in names)
    assert any(package == package.lower() for package, _ in names)
    assert {"Sample.MixedCase", "sample.mixedcase"} <= {package for package, _ in names}
    assert any(re.fullmatch(r"\d+\.\d+\.\d+\.\d+", version) for _, version in names)
    assert any("-" in version for _, version in names)
    assert ("NuGet.Versioning", "5.0.0+42a8779499c1d1ed2488c2e6b9e2ee6ff6107766") in names
    assert ("Sample.LeadingZeros", "1.2.3") in names
    verbatim = [raw(event, first)["verbatimVersion"] for event in events("Sample.LeadingZeros")]
    assert verbatim == ["1.02.3", "2.00.0.0"]


def test_the_kelvin_sign_names_another_package(first: Documents) -> None:
    impostor = [item for item in items(first) if catalog.KELVIN_SIGN in item.package_id]
    genuine = [item for item in items(first) if item.package_id == "AWSSDK.Core"]
    assert impostor
    assert genuine
    assert all("awssd%E2%84%AA.core.1.0.0.json" in item.url for item in impostor)


def test_unlist_relist_and_deprecation(first: Documents) -> None:
    published, unlisted, relisted = events("E2E.SemVer2Prerelease")
    assert raw(unlisted, first)["listed"] is False
    assert raw(unlisted, first)["published"] == "1900-01-01T00:00:00Z"
    assert raw(relisted, first)["listed"] is True
    assert raw(relisted, first)["published"] == raw(published, first)["published"]
    (deprecated,) = events("E2E.Deprecated", "deprecate")
    assert "deprecation" in raw(deprecated, first)
    (undeprecated,) = events("E2E.Deprecated", "undeprecate")
    assert "deprecation" not in raw(undeprecated, first)
    told = [raw(event, first)["deprecation"] for event in history() if event.deprecated]
    assert any("alternatePackage" in deprecation for deprecation in told)  # type: ignore[operator]
    assert any("alternatePackage" not in deprecation for deprecation in told)  # type: ignore[operator]


def test_delete_and_publish_again(first: Documents) -> None:
    package = [event for event in events("MySql.EntityFrameworkCore") if event.version.startswith("6.0.16")]
    assert [event.change for event in package] == ["publish", "delete", "publish"]
    assert [event.version for event in package] == ["6.0.16+MySQL8.0.33", "6.0.16", "6.0.16+MySQL8.0.33"]
    delete = raw(package[1], first)
    assert delete["@type"] == ["PackageDelete", "catalog:Permalink"]
    assert {"licenseUrl", "listed", "created"}.isdisjoint(delete)
    assert package[2].created > package[1].commit
    assert [event.change for event in events("netstandard1.4_lib")] == ["publish", "delete"]
    assert all(
        event.commit == ticks("2017-11-02T00:40:00.1969812Z") for event in events("netstandard1.4_lib", "delete")
    )


def test_leaves_of_2015_lack_listed(first: Documents) -> None:
    early = [event for event in history() if event.early]
    assert early
    assert all({"listed", "verbatimVersion", "packageEntries"}.isdisjoint(raw(event, first)) for event in early)
    assert all(isinstance(raw(event, first)["listed"], bool) for event in history() if not event.early and event.listed)
    (unlisted,) = events("AntiXSS", "unlist")
    assert "listed" not in raw(unlisted, first)
    assert unlisted.published == UNLISTED
    assert not LEAF.validate_json(first[leaf_path(unlisted)]).is_listed
    assert raw(history()[0], first)["lastEdited"] == "0001-01-01T00:00:00Z"
    assert timestamp(history()[0].commit) == "2015-02-01T06:22:45.8488496Z"


def test_a_text_given_twice_is_an_array(first: Documents) -> None:
    twice = [event for event in history() if event.given_twice]
    assert twice
    for event in twice:
        told = raw(event, first)
        assert isinstance(told["licenseUrl"], list)
        assert told["licenseUrl"][0] == event.license_url
        assert isinstance(told["authors"], list)


def test_leaves_are_written_as_nuget_writes_them(first: Documents) -> None:
    for path, body in first.items():
        if not path.startswith("/v3/catalog0/"):
            continue
        assert body.count(b"\n") == body.count(b"\r\n")
        assert body.startswith(b'{\r\n  "@id": "')
        assert body.endswith(b"\r\n  }\r\n}")
        assert b": null" not in body
        assert json.loads(body)["@id"] == BASE + path


def test_leaf_addresses_follow_the_naming_scheme(first: Documents) -> None:
    for item in items(first):
        second_of_commit = f"{instant.moment(item.commit):%Y.%m.%d.%H.%M.%S}"
        assert item.url.startswith(f"{BASE}/v3/catalog0/data/{second_of_commit}/")
        assert item.url == item.url.replace(" ", "")
        assert "+" not in item.url
        if item.package_id.isascii():
            assert item.url == item.url.lower()
            assert f"/{item.package_id.lower()}." in item.url


def test_documents_are_the_same_every_time_and_everywhere(first: Documents) -> None:
    again = subprocess.run(
        [
            sys.executable,
            "-c",
            "import hashlib; from pkgintel.sample.source import Sample\n"
            f"print(hashlib.sha256(repr(sorted(Sample(1).documents({BASE!r}).items())).encode()).hexdigest())",
        ],
        env={"PYTHONHASHSEED": "1234", "TZ": "Asia/Tokyo", "PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert again.stdout.strip() == hashlib.sha256(repr(sorted(first.items())).encode()).hexdigest()
    assert first == Sample(1).documents(BASE + "/")


def test_stage_two_grows_out_of_stage_one(first: Documents, second: Documents) -> None:
    assert first.keys() < second.keys()
    changed = {path for path in first if first[path] != second[path]}
    (last,) = changed - {CATALOG_INDEX}
    before = catalog.parse(Page, first[last], last)
    after = catalog.parse(Page, second[last], last)
    assert before.commit == max(page.commit for page in pages(first))
    assert {item.url for item in before.items} < {item.url for item in after.items}
    assert len([path for path in second.keys() - first.keys() if "/page" in path]) >= 2
    assert min(event.commit for event in increments()) > max(event.commit for event in history())
    assert {"publish", "unlist", "relist", "delete", "deprecate"} <= {event.change for event in increments()}
    (again,) = [event for event in increments() if event.package_id == "Sample.Deleted"]
    assert (again.change, again.version) == ("publish", "1.1.0")
    known = {event.key[0] for event in history()}
    assert {event.key[0] for event in increments()} - known == {"sample.newcomer"}


def test_the_service_index_names_the_catalog_among_others(first: Documents) -> None:
    resources = json.loads(first[SERVICE_INDEX])["resources"]
    assert [entry["@id"] for entry in resources if entry["@type"] == "Catalog/3.0.0"] == [BASE + CATALOG_INDEX]
    assert max(Counter(entry["@type"] for entry in resources).values()) > 1
    assert any("comment" not in entry for entry in resources)


def test_the_spdx_lists_are_the_official_ones(first: Documents) -> None:
    licenses = json.loads(first[SPDX_LICENSES])
    assert licenses["licenseListVersion"]
    assert sum(entry["isOsiApproved"] for entry in licenses["licenses"]) >= 100
    assert all(entry["seeAlso"] is not None for entry in licenses["licenses"])
    assert any(entry["licenseExceptionId"] for entry in json.loads(first[SPDX_EXCEPTIONS])["exceptions"])


def test_without_the_spdx_lists_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(source, "find_spec", none)
    source._spdx.cache_clear()
    with pytest.raises(ServiceUnavailable, match=r"pkgintel\[embedded\]"):
        Sample().documents(BASE)
    with pytest.raises(ServiceUnavailable):
        serve()
