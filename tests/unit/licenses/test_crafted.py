"""Crafted addresses and expressions: what is no spelling of a known page, file or license decides nothing."""

from datetime import UTC, datetime

import pytest

from pkgintel.licenses import dated
from pkgintel.licenses.verdict import Declaration, Judge, Verdict

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ROW = {
    "host": "github.com",
    "repository": "Owner/Repo",
    "file": "LICENSE.txt",
    "branches": "master release/2.0",
    "licenses": "MIT",
    "from": "2015-01-01",
    "until": "2020-01-01",
    "ended": "history",
    "commits": COMMIT,
    "blobs": "89abcdef",
}
CREATED = datetime(2018, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    known = dated.of([ROW])
    monkeypatch.setattr(dated, "table", lambda: known)


def of_url(judge: Judge, url: str) -> Verdict:
    return judge.judge(Declaration(url=url), CREATED)


THE_FILE = """
https://github.com/Owner/Repo/blob/master/LICENSE.txt
http://github.com/Owner/Repo/blob/master/LICENSE.txt
HTTPS://GITHUB.COM/Owner/Repo/blob/master/LICENSE.txt
https://www.github.com/Owner/Repo/blob/master/LICENSE.txt
https://github.com:443/Owner/Repo/blob/master/LICENSE.txt
http://github.com:80/Owner/Repo/blob/master/LICENSE.txt
https://github.com./Owner/Repo/blob/master/LICENSE.txt
github.com/Owner/Repo/blob/master/LICENSE.txt
https://github.com/owner/repo/blob/master/LICENSE.txt
https://github.com/OWNER/rEPO/blob/master/LICENSE.txt
https://github.com/Owner/Repo/blob/master/LICENSE.txt/
https://github.com/Owner/Repo/blob/master/LICENSE.txt#L1
https://github.com/Owner/Repo/blob/master/LICENSE.txt#
https://github.com/Owner/Repo/blob/master/LICENSE.txt?raw=true
https://github.com/Owner/Repo/blob/master/LICENSE.txt?raw=1
https://github.com/Owner/Repo/blob/master/LICENSE.txt?plain=1#L3
https://github.com/Owner/Repo/blob/master/LICENSE.txt?
https://github.com/Owner/Repo/raw/master/LICENSE.txt
https://github.com/Owner/Repo/raw/refs/heads/master/LICENSE.txt
https://github.com/Owner/Repo/blob/refs/heads/master/LICENSE.txt
https://github.com/Owner/Repo/blob/release/2.0/LICENSE.txt
https://github.com/Owner/Repo/blob/refs/heads/release/2.0/LICENSE.txt
https://github.com/Owner/Repo/blob/mast%65r/LICENSE%2Etxt
https://github.com/%4Fwner/Repo/blob/master/LICENSE.txt
https://raw.githubusercontent.com/Owner/Repo/master/LICENSE.txt
https://raw.githubusercontent.com/Owner/Repo/refs/heads/master/LICENSE.txt
https://raw.githubusercontent.com/Owner/Repo/release/2.0/LICENSE.txt
https://raw.github.com/Owner/Repo/master/LICENSE.txt
https://raw2.github.com/owner/repo/master/LICENSE.txt
http://RAW.githubusercontent.com/owner/repo/master/LICENSE.txt
https://github.com/Owner/Repo/blob/0123456789abcdef0123456789abcdef01234567/LICENSE.txt
https://raw.githubusercontent.com/Owner/Repo/0123456789abcdef0123456789abcdef01234567/LICENSE.txt
"""

NOT_THE_FILE = """
https://github.com/Owner/Repo/blob/master/license.txt
https://github.com/Owner/Repo/blob/master/LICENSE.TXT
https://github.com/Owner/Repo/blob/Master/LICENSE.txt
https://github.com/Owner/Repo/blob/master/LICENSE
https://github.com/Owner/Repo/blob/master/LICENSE.txt.html
https://github.com/Owner/Repo/blob/master/LICENSE.txt.bak
https://github.com/Owner/Repo/blob/master/LICENSE.txt;x
https://github.com/Owner/Repo/blob/master/docs/LICENSE.txt
https://github.com/Owner/Repo/blob/master/LICENSE.txt/x
https://github.com/Owner/Repo/blob/master/LICENSE.txt%20
https://github.com/Owner/Repo/blob/master/%20LICENSE.txt
https://github.com/Owner/Repo/blob/master/LICENSE.txt%00
https://github.com/Owner/Repo/blob/master/LICENSE.txt%0a
https://github.com/Owner/Repo/blob/master/LICENSE.txt%23
https://github.com/Owner/Repo/blob/master/LICENSE.txt%3Fraw=true
https://github.com/Owner/Repo/blob/master/LICENSE.txt?ref=evil
https://github.com/Owner/Repo/blob/master/LICENSE.txt?raw=true&ref=evil
https://github.com/Owner/Repo/blob/master/LICENSE.txt?redirect=https://evil.org
https://github.com/Owner/Repo/blob/master/LICENSE.txt?token=abc
https://github.com/Owner/Repo/blob/master/../evil/LICENSE.txt
https://github.com/Owner/Repo/blob/evil/../master/LICENSE.txt
https://github.com/Owner/Repo/blob/master/./LICENSE.txt
https://github.com/Owner/Repo/blob/master/%2e%2e/LICENSE.txt
https://github.com/Owner/Repo/blob/master/%2E/LICENSE.txt
https://github.com/Owner/Repo/blob/master/x/..%2fLICENSE.txt
https://github.com/Owner/Repo/blob/master%2FLICENSE.txt
https://github.com/Owner/Repo/blob%2Fmaster/LICENSE.txt
https://github.com/Owner%2FRepo/blob/master/LICENSE.txt
https://github.com/Owner%2fRepo/blob/master/LICENSE.txt
https://github.com/Owner/Repo/blob/master%252FLICENSE.txt
https://github.com/Owner/Repo/blob/master%5CLICENSE.txt
https://github.com/Owner/Repo/blob/master//LICENSE.txt
https://github.com//Owner/Repo/blob/master/LICENSE.txt
https://github.com/Owner/Repo//blob/master/LICENSE.txt
https://github.com/Owner/Repo/blob/master/LICENSE.txt//
https://github.com/evil/../Owner/Repo/blob/master/LICENSE.txt
https://github.com/Owner/Repo/blob/main/LICENSE.txt
https://github.com/Owner/Repo/blob/develop/LICENSE.txt
https://github.com/Owner/Repo/blob/v1.0/LICENSE.txt
https://github.com/Owner/Repo/blob/refs/tags/master/LICENSE.txt
https://github.com/Owner/Repo/blob/heads/master/LICENSE.txt
https://github.com/Owner/Repo/blob/refs/tags
https://github.com/Owner/Repo/blob/refs/heads/master
https://github.com/Owner/Repo/blob/refs/pull/1/head/LICENSE.txt
https://github.com/Owner/Repo/blob/master~1/LICENSE.txt
https://github.com/Owner/Repo/blob/master^/LICENSE.txt
https://github.com/Owner/Repo/blob/master@{1}/LICENSE.txt
https://github.com/Owner/Repo/blob/release/2.1/LICENSE.txt
https://github.com/Owner/Repo/blob/release/LICENSE.txt
https://github.com/Owner/Repo/blob/release%2F2.0/LICENSE.txt
https://github.com/Owner/Repo/blob/HEAD/LICENSE.txt
https://github.com/Owner/Repo/blob/0123456789/LICENSE.txt
https://github.com/Owner/Repo/blob/0123456789abcdef0123456789abcdef0123456/LICENSE.txt
https://github.com/Owner/Repo/blob/0123456789ABCDEF0123456789abcdef01234567/LICENSE.txt
https://github.com/Owner/Repo/blob/1123456789abcdef0123456789abcdef01234567/LICENSE.txt
https://github.com/Owner/Repo/blob/0123456789abcdef0123456789abcdef01234567/LICENSE
https://github.com/Owner/Repo/tree/master/LICENSE.txt
https://github.com/Owner/Repo/blame/master/LICENSE.txt
https://github.com/Owner/Repo/edit/master/LICENSE.txt
https://github.com/Owner/Repo/commits/master/LICENSE.txt
https://github.com/Owner/Repo/wiki/master/LICENSE.txt
https://github.com/Owner/Repo/Blob/master/LICENSE.txt
https://github.com/Owner/Repo/master/LICENSE.txt
https://github.com/Owner/Repo
https://github.com/Owner/Repo#license
https://github.com/Owner/Repo/blob/master/
https://github.com/Owner/Repo/blob/master
https://github.com/Owner/Repo.git/blob/master/LICENSE.txt
https://github.com/Owner2/Repo/blob/master/LICENSE.txt
https://github.com/Fork/Repo/blob/master/LICENSE.txt
https://github.com/Owner/Repo2/blob/master/LICENSE.txt
https://github.com/Ow\u043der/Repo/blob/master/LICENSE.txt
https://github.com/Owner/\u0420epo/blob/master/LICENSE.txt
https://github.com/Owner/Repo/blob/m\u0430ster/LICENSE.txt
https://github.com/Owner/Repo/blob/master/L\u0406CENSE.txt
https://github.com/Owner/Repo/blob/master/LICENSE\u2024txt
https://github.com/Owner/Repo/blob/master/LICENSE\u200b.txt
https://github.com/\uff2fwner/Repo/blob/master/LICENSE.txt
https://github.com/Owner/Repo/blob/master/L%C4%B0CENSE.txt
https://github.com/Owner/Repo/blob/master/LICENSE.txt%FF
https://github.com/Owner\\Repo/blob/master/LICENSE.txt
https://github.com.evil.org/Owner/Repo/blob/master/LICENSE.txt
https://evil.org/github.com/Owner/Repo/blob/master/LICENSE.txt
https://evilgithub.com/Owner/Repo/blob/master/LICENSE.txt
https://github.co/Owner/Repo/blob/master/LICENSE.txt
https://github.com.co/Owner/Repo/blob/master/LICENSE.txt
https://github.org/Owner/Repo/blob/master/LICENSE.txt
https://githib.com/Owner/Repo/blob/master/LICENSE.txt
https://git-hub.com/Owner/Repo/blob/master/LICENSE.txt
https://gist.github.com/Owner/Repo/blob/master/LICENSE.txt
https://api.github.com/Owner/Repo/blob/master/LICENSE.txt
https://owner.github.com/Owner/Repo/blob/master/LICENSE.txt
https://owner.github.io/Repo/blob/master/LICENSE.txt
https://www.www.github.com/Owner/Repo/blob/master/LICENSE.txt
https://raw.githubusercontent.com.evil.org/Owner/Repo/master/LICENSE.txt
https://raw.githubusercontent.co/Owner/Repo/master/LICENSE.txt
https://gist.githubusercontent.com/Owner/Repo/master/LICENSE.txt
https://raw3.github.com/Owner/Repo/master/LICENSE.txt
https://rawgit.com/Owner/Repo/master/LICENSE.txt
https://cdn.jsdelivr.net/gh/Owner/Repo@master/LICENSE.txt
https://gitlab.com/Owner/Repo/blob/master/LICENSE.txt
https://gitlab.com/Owner/Repo/-/blob/master/LICENSE.txt
https://bitbucket.org/Owner/Repo/src/master/LICENSE.txt
https://raw.githubusercontent.com/Owner/Repo/blob/master/LICENSE.txt
https://raw.githubusercontent.com/Owner/Repo/main/LICENSE.txt
https://raw.githubusercontent.com/Owner/Repo/master/LICENSE.txt?token=abc
https://raw.githubusercontent.com/Owner/Repo/master%2FLICENSE.txt
https://raw.githubusercontent.com/Owner/Repo/master/x/../LICENSE.txt
https://raw.githubusercontent.com/Owner/Repo//master/LICENSE.txt
https://g\u0456thub.com/Owner/Repo/blob/master/LICENSE.txt
https://\uff47ithub.com/Owner/Repo/blob/master/LICENSE.txt
https://xn--gthub-cta.com/Owner/Repo/blob/master/LICENSE.txt
https://github\u3002com/Owner/Repo/blob/master/LICENSE.txt
https://github\u00ad.com/Owner/Repo/blob/master/LICENSE.txt
https://github.com@evil.org/Owner/Repo/blob/master/LICENSE.txt
https://evil.org@github.com/Owner/Repo/blob/master/LICENSE.txt
https://user:secret@github.com/Owner/Repo/blob/master/LICENSE.txt
https://github.com:8080/Owner/Repo/blob/master/LICENSE.txt
https://github.com:444/Owner/Repo/blob/master/LICENSE.txt
https://github.com../Owner/Repo/blob/master/LICENSE.txt
https://140.82.121.4/Owner/Repo/blob/master/LICENSE.txt
https://[::1]/Owner/Repo/blob/master/LICENSE.txt
https://localhost/github.com/Owner/Repo/blob/master/LICENSE.txt
https://evil.org/?url=https://github.com/Owner/Repo/blob/master/LICENSE.txt
https://evil.org/#https://github.com/Owner/Repo/blob/master/LICENSE.txt
https://evil.org?github.com/Owner/Repo/blob/master/LICENSE.txt
https://evil.org#@github.com/Owner/Repo/blob/master/LICENSE.txt
https://github.com?/Owner/Repo/blob/master/LICENSE.txt
https://github.com#/Owner/Repo/blob/master/LICENSE.txt
https://github.com/Owner/Repo/blob/master#/LICENSE.txt
https://github.com/Owner/Repo/blob/master?/LICENSE.txt
https://github.com/Owner/Repo/blob?/master/LICENSE.txt
https://web.archive.org/web/2018/https://github.com/Owner/Repo/blob/master/LICENSE.txt
https://github.com/login?return_to=/Owner/Repo/blob/master/LICENSE.txt
https://github.com/Owner/Repo/blob/master/LICENSE.txt https://evil.org
https://evil.org https://github.com/Owner/Repo/blob/master/LICENSE.txt
ftp://github.com/Owner/Repo/blob/master/LICENSE.txt
git://github.com/Owner/Repo/blob/master/LICENSE.txt
file://github.com/Owner/Repo/blob/master/LICENSE.txt
ssh://git@github.com/Owner/Repo/blob/master/LICENSE.txt
javascript:location='https://github.com/Owner/Repo/blob/master/LICENSE.txt'
data:text/plain,https://github.com/Owner/Repo/blob/master/LICENSE.txt
view-source:https://github.com/Owner/Repo/blob/master/LICENSE.txt
https:github.com/Owner/Repo/blob/master/LICENSE.txt
https:/github.com/Owner/Repo/blob/master/LICENSE.txt
https:///github.com/Owner/Repo/blob/master/LICENSE.txt
//github.com/Owner/Repo/blob/master/LICENSE.txt
/Owner/Repo/blob/master/LICENSE.txt
Owner/Repo/blob/master/LICENSE.txt
https://opensource.org@evil.org/licenses/MIT
https://opensource.org.evil.org/licenses/MIT
https://evil.org/opensource.org/licenses/MIT
https://opensource.org/licenses/MIT/../../evil
https://opensource.org/licenses/%4d%49%54%2f..%2fevil
https://opensource.org:8443/licenses/MIT
https://0pensource.org/licenses/MIT
https://opens\u043eurce.org/licenses/MIT
https://opensource.org/licences/MIT
https://opensource.org/licenses/MITx
https://opensource.org/licenses?MIT
https://opensource.org/#licenses/MIT
https://licenses.nuget.org.evil.org/MIT
https://licenses.nuget.org@evil.org/MIT
https://evil.org/licenses.nuget.org/MIT
https://licenses.nuget.org:8443/MIT
https://licenses.nuget.org/MIT/../x
https://licenses.nuget.org/MIT%2520OR%2520Apache-2.0
https://licenses.nuget.org/?MIT
https://licenses.nuget.org/#MIT
https://spdx.org.evil.org/licenses/MIT.html
https://evilspdx.org/licenses/MIT.html
"""


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize("url", lines(THE_FILE))
def test_a_spelling_of_the_file_that_was_read(judge: Judge, url: str) -> None:
    found = of_url(judge, url)
    assert (found.verdict, found.rule, found.spdx_ids) == ("open_source", "url-open", ["MIT"])


@pytest.mark.parametrize("url", lines(NOT_THE_FILE))
def test_another_address_decides_nothing(judge: Judge, url: str) -> None:
    assert of_url(judge, url).verdict == "unknown"


def test_there_are_two_hundred_addresses_and_none_twice() -> None:
    urls = lines(THE_FILE + NOT_THE_FILE)
    assert len(set(urls)) == len(urls) >= 200
