"""Is it healthy, what is it doing, what must I do. Postgres alone is enough to answer."""

from pkgintel import database
from pkgintel.reports import diagnosis, facts
from pkgintel.reports.crew import NOT_ASKED, Crew
from pkgintel.reports.facts import Facts
from pkgintel.reports.shape import Json
from pkgintel.settings import Deployment


class Status(Facts):
    """Everything that is known, and what it means: healthy or not, and a sentence for each thing to do or to know."""

    healthy: bool
    unhealthy_because: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> Json:
        """What `pkgintel status --json` prints, the answer first."""
        return {"healthy": self.healthy, **super().as_json()}


def report(conn: database.Connection, settings: Deployment, crew: Crew = NOT_ASKED) -> Status:
    """How everything stands now. `crew` is what `crew.ask` answered, where it was asked."""
    found = facts.gather(conn, settings, crew)
    because = diagnosis.because(found, settings)
    notes = diagnosis.notes(found) if found.last_runs or found.running else []
    return found.within(Status, healthy=not because, unhealthy_because=because, notes=notes)
