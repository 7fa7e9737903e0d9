"""The tool that reads histories of license files: what dates can be relied on, and what a clone has to show."""

import os
import random
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.license_texts import written
from tools import dated_licenses
from tools.eras import Era, Revision, eras, spans
from tools.histories import Clone, Unclear

BEGIN = datetime(2018, 1, 1, 12, tzinfo=UTC)


def at(day: float) -> datetime:
    return BEGIN + timedelta(days=day)


def revision(day: float, terms: str, *, blob: str | None = None, latest: float | None = None) -> Revision:
    name = f"{terms}{day}" if blob is None else blob
    return Revision(f"c{day}", at(day), at(day if latest is None else latest), name, terms)


def shown(found: list[Era]) -> list[tuple[int, int, str, str]]:
    """Each era as (first day, first day after it, licenses, why it ends)."""
    begin = BEGIN.replace(hour=0)
    return [((era.since - begin).days, (era.until - begin).days, "|".join(era.licenses), era.ended) for era in found]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], []),
        ([revision(0, "MIT")], [(1, 100, "MIT", "history")]),
        ([revision(0, "MIT"), revision(50, "MIT")], [(1, 100, "MIT", "history")]),
        # The day of a change belongs to both.
        (
            [revision(0, "Apache-2.0"), revision(50, "MIT")],
            [(1, 50, "Apache-2.0", "changed"), (50, 51, "Apache-2.0|MIT", "changed"), (51, 100, "MIT", "history")],
        ),
        ([revision(0, "MIT"), revision(50, "")], [(1, 50, "MIT", "changed")]),
        ([revision(0, ""), revision(50, "MIT")], [(51, 100, "MIT", "history")]),
        ([revision(0, "MIT"), revision(50, "", blob="")], [(1, 50, "MIT", "gone")]),
        (
            [revision(0, "MIT"), revision(50, "", blob=""), revision(60, "MIT")],
            [(1, 50, "MIT", "gone"), (61, 100, "MIT", "history")],
        ),
        # Other terms for an hour: nobody knows which were shown on that day.
        (
            [revision(0, "MIT"), revision(50, ""), revision(50.05, "MIT")],
            [(1, 50, "MIT", "changed"), (51, 100, "MIT", "history")],
        ),
        # Other terms that may have been published long before they were merged.
        ([revision(0, "MIT"), revision(20, "", latest=50)], [(1, 20, "MIT", "changed")]),
        # Read up to a moment before the newest revision.
        ([revision(0, "MIT"), revision(200, "")], [(1, 100, "MIT", "history")]),
        ([revision(99.9, "MIT")], []),
    ],
)
def test_the_eras_of_a_history(history: list[Revision], expected: list[tuple[int, int, str, str]]) -> None:
    assert shown(eras(history, at(100))) == expected


def test_no_day_of_an_era_may_have_shown_anything_else() -> None:
    chance = random.Random(7)
    for _ in range(300):
        moments = sorted(chance.sample(range(1, 90), chance.randint(1, 6)))
        history = [
            revision(moment, chance.choice(["MIT", "Apache-2.0", ""]), latest=moment + chance.choice([0, 0, 0.5, 9]))
            for moment in moments
        ]
        for era in eras(history, at(95)):
            assert era.since < era.until <= at(95)
            for day in range((era.until - era.since).days):
                moment = era.since + timedelta(days=day, hours=chance.randint(0, 23))
                for index, one in enumerate(history):
                    behind = history[index + 1].latest if index + 1 < len(history) else at(1_000)
                    assert one.terms in era.licenses or not one.earliest <= moment < behind
            assert history[0].latest <= era.since


def test_a_commit_is_no_older_than_the_one_before_it_and_no_younger_than_the_one_behind() -> None:
    dates = [(at(0), at(0)), (at(1), at(30)), (at(5), at(5)), (at(2), at(40))]
    assert list(spans(dates)) == [
        (at(0), at(0)),
        (at(1), at(30)),  # A clock that was fast: the next commit is of day 5.
        (at(5), at(30)),
        (at(2), at(40)),
    ]


class Repository:
    """A git repository that is made in a test, commit by commit."""

    def __init__(self, folder: Path, *, new: bool = True) -> None:
        self.folder = folder
        if new:
            folder.mkdir(parents=True)
            self.git("init", "--quiet", "--initial-branch=master")

    def git(self, *words: str, day: float = 0, authored: float | None = None) -> str:
        dates = {"GIT_AUTHOR_DATE": at(day if authored is None else authored), "GIT_COMMITTER_DATE": at(day)}
        people = {
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@x.org",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@x.org",
        }
        settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment = clean | people | settings | {name: date.isoformat() for name, date in dates.items()}
        asked = subprocess.run(["git", *words], cwd=self.folder, env=environment, capture_output=True, check=True)
        return asked.stdout.decode().strip()

    def commit(self, day: float, authored: float | None = None, **files: str | None) -> str:
        """A commit with these files, named by keyword (`LICENSE_txt` is LICENSE.txt); None takes one away."""
        for name, text in files.items():
            path = self.folder / name.replace("_", ".")
            path.unlink() if text is None else path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=c", day=day, authored=authored)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "o" / "r")


MIT = written("MIT")
APACHE = written("Apache-2.0")
EULA = "You may look at this software for thirty days, and then you must pay the company for each further day.\n"


def rows(
    repository: Repository,
    file: str = "LICENSE",
    branch: str = "master",
    *,
    later: str = "",
    until: datetime | None = None,
) -> list[dict[str, str]]:
    wanted = dated_licenses.Wanted("O/R", [(file, branch)], later, until or datetime.now(UTC))
    clone = dated_licenses.cloned(repository.folder.parent.parent, wanted, may_clone=False)
    return list(dated_licenses.rows_of(clone, wanted, dated_licenses.Terms()))


def days(found: list[dict[str, str]]) -> list[tuple[str, str, str, str, str]]:
    return [(row["file"], row["licenses"], row["from"], row["until"], row["ended"]) for row in found]


def test_a_relicensed_file_is_known_until_the_day_of_the_change(repository: Repository) -> None:
    first = repository.commit(0, LICENSE=MIT)
    second = repository.commit(10, LICENSE=MIT.replace("2013-2020", "2013-2021"))
    repository.commit(30, LICENSE=EULA)
    repository.commit(60)
    [row] = rows(repository)
    assert row["licenses"] == "MIT"
    assert (row["from"], row["until"], row["ended"]) == ("2018-01-02", "2018-01-31", "changed")
    assert row["commits"] == f"{first} {second}"
    assert len(row["blobs"].split()) == 2
    assert (row["host"], row["repository"], row["branches"]) == ("github.com", "O/R", "master")


def test_the_names_that_a_file_had_before_and_got_later_are_read_too(repository: Repository) -> None:
    repository.commit(0, LICENSE=MIT)
    repository.commit(20, LICENSE=None, LICENSE_txt=MIT)
    repository.commit(40)
    for file in ("LICENSE", "LICENSE.txt"):
        assert sorted(days(rows(repository, file))) == [
            ("LICENSE", "MIT", "2018-01-02", "2018-01-21", "gone"),
            ("LICENSE.txt", "MIT", "2018-01-22", "2018-02-10", "history"),
        ]


def test_what_a_side_branch_said_counts_from_its_merge_or_its_commit_whichever_is_worse(repository: Repository) -> None:
    repository.commit(0, LICENSE=MIT)
    repository.git("checkout", "--quiet", "-b", "side")
    repository.commit(5, LICENSE=EULA)
    repository.git("checkout", "--quiet", "master")
    repository.commit(6, other="x")
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", "side", day=20)
    repository.commit(30)
    assert days(rows(repository)) == [("LICENSE", "MIT", "2018-01-02", "2018-01-21", "changed")]


def test_a_change_that_was_written_long_before_it_was_published(repository: Repository) -> None:
    repository.commit(0, LICENSE=MIT)
    repository.commit(20, authored=8, LICENSE=EULA)
    repository.commit(40)
    assert days(rows(repository)) == [("LICENSE", "MIT", "2018-01-02", "2018-01-09", "changed")]


def test_a_date_in_the_future_does_not_reach_into_it(repository: Repository) -> None:
    repository.commit(0, LICENSE=MIT)
    repository.commit(20_000)
    [row] = rows(repository)
    assert row["until"] <= datetime.now(UTC).date().isoformat()


def test_a_renamed_branch_keeps_its_old_name_where_nothing_else_took_it(repository: Repository) -> None:
    repository.commit(0, LICENSE=MIT)
    repository.commit(40)
    repository.git("branch", "--move", "main")
    [row] = rows(repository)
    assert row["branches"] == "main master"
    repository.git("branch", "master", "main~1")
    assert sorted((row["branches"], row["until"]) for row in rows(repository, branch="main")) == [
        ("main", "2018-02-10"),
    ]


def test_a_young_repository_never_had_a_branch_master(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit(1_100, LICENSE=MIT)
    repository.commit(1_200)
    repository.git("branch", "--move", "main")
    assert {row["branches"] for row in rows(repository)} == {"main"}
    assert "too young" in capsys.readouterr().err


def test_a_branch_and_a_tag_of_one_name_and_two_meanings_are_unclear(repository: Repository) -> None:
    repository.commit(0, LICENSE=MIT)
    repository.git("tag", "master")
    repository.commit(40, LICENSE=EULA)
    assert rows(repository) == []
    with pytest.raises(Unclear, match="both a branch and a tag"):
        Clone(repository.folder / ".git").branch("master")


def test_a_link_is_no_license_and_a_pattern_is_no_path(repository: Repository) -> None:
    repository.commit(0, COPYING=MIT)
    (repository.folder / "LICENSE").symlink_to("COPYING")
    repository.commit(1)
    repository.commit(9)
    assert rows(repository) == []
    assert rows(repository, "COPY*") == []


def test_a_shallow_clone_and_no_clone_show_nothing(repository: Repository, tmp_path: Path) -> None:
    repository.commit(0, LICENSE=EULA)
    repository.commit(1, LICENSE=MIT)
    shallow = tmp_path / "shallow"
    repository.git("clone", "--quiet", "--bare", "--depth=1", f"file://{repository.folder}", str(shallow))
    with pytest.raises(Unclear, match="shallow"):
        Clone(shallow)
    with pytest.raises(Unclear, match="no clone"):
        dated_licenses.clone_of(tmp_path, "no/body", may_clone=False)


def test_a_replaced_commit_does_not_replace_history(repository: Repository) -> None:
    repository.commit(0, LICENSE=MIT)
    closed = repository.commit(10, LICENSE=EULA)
    repository.commit(20, LICENSE=MIT)
    repository.commit(40)
    before = days(rows(repository))
    assert [row[2:] for row in before] == [
        ("2018-01-02", "2018-01-11", "changed"),
        ("2018-01-22", "2018-02-10", "history"),
    ]
    repository.git("replace", closed, f"{closed}~1")
    assert days(rows(repository)) == before


def test_a_repository_that_was_renamed_is_read_under_its_later_name_for_the_time_of_the_former(
    repository: Repository,
) -> None:
    repository.commit(0, LICENSE=MIT)
    repository.commit(5)
    later = repository.folder.parent / "later"
    repository.git("clone", "--quiet", str(repository.folder), str(later))
    assert days(rows(repository)) == [("LICENSE", "MIT", "2018-01-02", "2018-01-06", "history")]
    renamed = Repository(later, new=False)
    renamed.git("remote", "remove", "origin")
    renamed.commit(60)
    [row] = rows(repository, later="o/later", until=at(40))
    assert (row["repository"], row["from"], row["until"]) == ("O/R", "2018-01-02", "2018-02-10")
    repository.commit(7)
    with pytest.raises(Unclear, match="does not go on"):
        rows(repository, later="o/later", until=at(40))


def test_a_clone_gives_the_same_rows_again(repository: Repository) -> None:
    repository.commit(0, LICENSE=MIT)
    repository.commit(20, LICENSE=APACHE)
    repository.commit(40)
    found = rows(repository)
    assert [row["licenses"] for row in found] == ["MIT", "Apache-2.0|MIT", "Apache-2.0"]
    assert rows(repository) == found
