"""What `pkgintel why` shows of a file with a history, as lines."""

from pkgintel.cli import why
from pkgintel.licenses import dated, reasons
from pkgintel.reports.explanation import UrlEntry


def test_a_file_with_a_history_shows_its_days_and_commits() -> None:
    first, last = "1" * 40, "2" * 40
    row = {
        "host": "github.com",
        "repository": "O/R",
        "file": "LICENSE",
        "branches": "master",
        "licenses": "MIT",
        "from": "2015-01-01",
        "until": "2017-05-01",
        "ended": "changed",
        "commits": f"{first} {last}",
        "blobs": "89abcdef",
    }
    [known] = dated.of([row])["github.com/o/r/blob/master/LICENSE"]
    shown = list(why._entry(UrlEntry.model_validate(reasons.entry(known).as_json())))
    assert shown == [
        "github.com/o/r/blob/master/LICENSE stands for MIT",
        "source: every revision in the repository's history",
        "a page that is dated, from 2015-01-01, until 2017-05-01",
        f"2 revisions read on master: {first} to {last}",
    ]
