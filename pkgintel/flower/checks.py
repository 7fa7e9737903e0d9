"""The page of a check: what it measured when, as a plot and as a table."""

from tornado import web

from pkgintel import database
from pkgintel.errors import SettingsError
from pkgintel.flower.view import View
from pkgintel.reports import history
from pkgintel.reports.history import CheckValue

VALUES = 2_000  # In the plot.
ROWS = 40  # In the table.


class CheckView(View):
    """The history of one check."""

    @web.authenticated
    async def get(self, name: str) -> None:
        def ask(conn: database.Connection) -> tuple[CheckValue, ...]:
            found = history.check(conn, name, VALUES)
            if not found:
                raise SettingsError(f"No check {name} was ever measured: `pkgintel check` measures them all.")
            return found

        self.show("pipeline_check.html", seen=await self.see(ask), name=name, rows=ROWS)
