"""License URLs: one spelling for each page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgintel.licenses import urls


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
        ("http://creativecommons.org/licenses/by/4.0/", "https://creativecommons.org/licenses/by/4.0/deed.zh_TW"),
        ("http://creativecommons.org/licenses/by/4.0/", "https://creativecommons.org/licenses/by/4.0/deed.pt_BR"),
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
        ("https://opensource.org../licenses/MIT", "https://opensource.org/licenses/MIT"),
        ("https://spdx.org/licenses/No\u212aia", "https://spdx.org/licenses/Nokia"),
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
        ("http://user:pw@opensource.org/licenses/MIT", "not-a-url"),
        ("http://evil.com@opensource.org/licenses/MIT", "not-a-url"),
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
        # A branch or a tag may be named like the first digits of a commit, and then wins over it.
        ("https://raw.githubusercontent.com/o/r/313d8a787a/LICENSE", "project-file"),
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
