"""The pages of runs: all of them, filtered and page by page, and everything about one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from tornado import web

from pkgintel import database
from pkgintel.flower.view import View
from pkgintel.pipeline.states import Action, PageState, Source, State
from pkgintel.reports import history, runs
from pkgintel.reports.history import RunFilter, RunList
from pkgintel.reports.runs import Phase, ShownRun

PAGES = 100  # Of one run; the command shows them all.
RUNS = 50  # On one page.
CHOICES = {"source": Source, "action": Action, "state": State}


@dataclass(frozen=True, slots=True)
class Dossier:
    """A run as of one moment, and where its time went."""

    run: ShownRun
    as_of: datetime
    phases: tuple[Phase, ...]

    @property
    def seconds(self) -> float:
        """From its first moment to the last that is known."""
        if not self.phases:
            return 0.0
        return (max(phase.ended for phase in self.phases) - self.phases[0].begun).total_seconds()

    @property
    def hidden(self) -> int:
        """Its pages beyond those that are shown."""
        return max(0, self.run.pages_total - len(self.run.pages))

    def count(self, state: PageState) -> int:
        """How many of its pages are done, failed or pending."""
        known = {PageState.DONE: self.run.pages_done, PageState.FAILED: self.run.pages_failed}
        return known.get(state, self.run.pages_total - sum(known.values()))


class RunsView(View):
    """Runs, newest first. `?source=`, `?action=` and `?state=` choose some, `?before=ID` is the page of older ones."""

    @web.authenticated
    async def get(self) -> None:
        source, action, state = (self._chosen(name, words) for name, words in CHOICES.items())
        which = RunFilter.model_validate({"source": source, "action": action, "state": state})
        text = self.get_query_argument("before", "")
        before = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None

        def ask(conn: database.Connection) -> RunList:
            return history.runs(conn, which, before=before, most=RUNS)

        chosen = {name: value for name, value in which.as_json().items() if value}
        seen = await self.see(ask)
        self.show(
            "pipeline_runs.html", seen=seen, which=which, chosen=chosen, choices=CHOICES, before=before, link=urlencode
        )

    def _chosen(self, name: str, words: Iterable[str]) -> str | None:
        text = self.get_query_argument(name, "")
        return text if text in set(words) else None


class RunView(View):
    """Everything about one run."""

    @web.authenticated
    async def get(self, run_id: str) -> None:
        def ask(conn: database.Connection) -> Dossier:
            shown = runs.shown(conn, int(run_id), PAGES)
            return Dossier(shown, database.now(conn), runs.phases(conn, int(run_id)))

        self.show("pipeline_run.html", seen=await self.see(ask), run_id=run_id, PageState=PageState)
