"""How far the runs of a few tasks are, on stderr, until nothing more comes of them."""

import sys
import time
from collections.abc import Callable

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pkgintel import database
from pkgintel.cli.screen import console
from pkgintel.pipeline import runs
from pkgintel.pipeline.states import Source
from pkgintel.reports import follow
from pkgintel.reports.work import SILENT
from pkgintel.text import many, span


class Screen:
    """Progress on stderr: a live bar on a terminal, a plain line every two seconds elsewhere."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._bar: Progress | None = None
        self._last = self._stage = ""
        self._said_at = 0.0
        self._begun = time.monotonic()
        self._leaves_before: int | None = None
        self._moved_at = self._begun

    def say(self, line: str) -> None:
        """One line that stays."""
        self._console.print(line, soft_wrap=True)

    def show(self, progress: follow.Progress, stage: str) -> None:
        """Pages and leaves done of all, the rate of the stage and the time left; or why nothing moves."""
        if stage != self._stage:
            self.close()
            self._stage, self._begun = stage, time.monotonic()
        done, total = progress.pages_done, progress.pages_total
        text = self._text(progress, stage)
        if self._console.is_terminal:
            if self._bar is None:
                self._bar = Progress(
                    TextColumn("{task.description}"),
                    BarColumn(),
                    TimeElapsedColumn(),
                    console=self._console,
                    transient=True,
                )
                self._bar.add_task(text, total=max(total, 1))
                self._bar.start()
            self._bar.update(self._bar.task_ids[0], description=text, completed=done, total=max(total, 1))
        elif text != self._last and time.monotonic() - self._said_at >= (20 if progress.retry else 2):
            self.say(text.strip())
            self._last, self._said_at = text, time.monotonic()

    def _text(self, progress: follow.Progress, stage: str) -> str:
        if progress.retry:
            return f"{stage}: {progress.retry.says(progress.as_of)}"
        done, total, leaves = progress.pages_done, progress.pages_total, progress.leaves_done
        now = time.monotonic()
        if stage == follow.PAGES:
            seconds, failed = max(now - self._begun, 0.001), progress.pages_failed
            text = f"pages {done} of {total}, {progress.items:,} items, {progress.items / seconds:,.0f}/s"
            text += f" {seconds * (total - done) / done:.0f} s left" if 0 < done < total else ""
            return text + (f", {many(failed, 'page')} failed" if failed else "")
        if leaves != self._leaves_before:
            self._leaves_before, self._moved_at = leaves, now
        known, read = progress.leaves_known, total - progress.pages_unread
        expected = round(known + progress.pages_unread * (known / read if read else 0))
        about = "~" if progress.pages_unread else ""
        text = f"{stage}: pages {done} of {total}, leaves {leaves:,} of {about}{expected:,}"
        rate = leaves / max(now - self._begun, 0.001)
        if now - self._moved_at > SILENT:
            text += f", none for {span(now - self._moved_at)}"
        else:
            text += f", {rate:,.0f}/s"
            text += f" {(expected - leaves) / rate:.0f} s left" if rate and leaves < expected else ""
        failed = progress.pages_failed
        return text + (f", {many(failed, 'page')} failed" if failed else "")

    def close(self) -> None:
        """Put the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        sys.stderr.flush()


def stand_by(conn: database.Connection, screen: Screen, tend: Callable[[], None], *, every: float = 0.25) -> None:
    """Wait until no scan is in progress, whoever began it, calling `tend` in between."""
    while (running := runs.running(conn, Source.NUGET)) is not None:
        screen.show(follow.progress(conn, [running.id]), f"the scan of run {running.id}, which goes first")
        tend()
        time.sleep(every)
    screen.close()


def wait(
    conn: database.Connection,
    tasks: list[str],
    screen: Screen,
    tend: Callable[[], None],
    *,
    stage: str,
    every: float = 0.25,
) -> follow.FollowedRuns:
    """Follow `tasks` until they are over, calling `tend` in between; what `tend` raises ends the wait."""
    while True:
        followed = follow.follow(conn, tasks)
        doing, at_work = followed.at_work()
        if at_work:
            progress = follow.progress(conn, at_work)
            if progress.pages_total or progress.retry:
                screen.show(progress, doing if followed.of(Source.NUGET) else stage)
        if followed.over(tasks):
            screen.close()
            return followed
        tend()
        time.sleep(every)
