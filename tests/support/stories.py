"""A crew of one worker whose gates close and open again, and what has to be true of both."""

import re
import shlex

import pytest

from pkgintel import database
from pkgintel.pipeline.checks import GATES
from tests.support.sites import SiteFleet


class Story(SiteFleet):
    """What has to be true of a closed gate, and of one that opened again."""

    def closed(self, check: str, run: database.Row, task: str, value: float, threshold: float, *words: str) -> None:
        """The check failed with these numbers, in every place where somebody looks, and nothing was judged by it."""
        blocked = [one for one in self.runs() if one["action"] == "classify" and one["state"] == "blocked"]
        result = self.rows("SELECT * FROM ops.check_results WHERE name = %s ORDER BY id DESC", check)[0]
        assert (result["passed"], result["blocking"], result["run_id"]) == (False, True, run["id"])
        assert result["value"] == pytest.approx(value)
        assert result["threshold"] == pytest.approx(threshold)
        assert run["state"] == "blocked"
        assert result["message"] in run["error"]
        assert all(word in result["message"] for word in words)
        self.failed(task, check, *words)
        assert blocked, "the classifier that the other upstream asked for was not stopped"
        assert all(result["message"] in one["error"] for one in blocked)
        self.failed("verdicts.classify", check, *words)
        status = self.status()
        told = next(one for one in status["checks"] if one["name"] == check)
        assert (told["passed"], told["blocking"]) == (False, True)
        assert (told["value"], told["threshold"]) == (result["value"], result["threshold"])
        assert any(result["message"] in sentence for sentence in status["unhealthy_because"])
        assets = status["assets"]
        assert assets[GATES[2]]["blocked"]
        assert assets[result["gate"]]["blocked"]
        other = GATES[0] if result["gate"] == GATES[1] else GATES[1]
        assert not assets[other]["blocked"]
        assert result["message"] in "".join(assets[GATES[2]]["blocked_because"])

    def healed(self, check: str, cause: database.Row, packages: int) -> None:
        """Some upstream completed, and the classifier came by itself: every package has its verdict, all is well."""
        self.quiet()
        assert {row["verdict"] for row in self.verdicts()} == {"open_source"}
        assert len(self.verdicts()) == packages
        last = next(one for one in reversed(self.runs()) if one["action"] == "classify" and one["state"] == "done")
        assert last["cause_id"] == cause["id"]
        status = self.status()
        assert next(one for one in status["checks"] if one["name"] == check)["passed"]
        assert not any(asset["blocked"] for asset in status["assets"].values())
        assert status["healthy"], status["unhealthy_because"]


def advised(story: Story, *begins: str) -> None:
    """Do what `pkgintel status` says of the thing that is wrong: the commands that begin so, in this order."""
    said = " ".join(story.status()["unhealthy_because"])
    commands = re.findall(r"`pkgintel ([^`]+)`", said)
    for begin in begins:
        command = next((one for one in commands if one.startswith(begin)), None)
        assert command, f"{begin} is not advised: {said}"
        told = story.tell(*shlex.split(command))
        assert told.returncode == 0, f"{command}: {told.stdout}{told.stderr}"


def filled(story: Story) -> database.Row:
    """Three packages that are judged; the scan that read them."""
    story.site.grow(3)
    story.send("spdx.sync")
    story.ended("sync", "done")
    story.send("catalog.scan")
    run = story.ended("scan", "done")
    story.quiet()
    assert story.status()["healthy"]
    return run


def refused_list(story: Story) -> database.Row:
    """A list below the floor was refused while a good one is stored; two new packages wait for their verdict."""
    site = story.site
    story.send("spdx.sync")
    story.ended("sync", "done")
    site.new_list(50)
    story.send("spdx.sync")
    story.ended("sync", "blocked")
    site.grow(2)
    story.send("catalog.scan")
    return story.ended("scan", "done")


def recorded(story: Story, check: str) -> database.Row:
    return story.rows("SELECT * FROM ops.check_results WHERE name = %s ORDER BY id DESC LIMIT 1", check)[0]
