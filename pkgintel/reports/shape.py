"""How a report is made: a frozen type with nothing in it but what is named, its times in UTC.

Screens, the page and the metrics read its attributes; `--json` prints `as_json`.
"""

from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, PlainSerializer

from pkgintel.nuget.instant import iso


def _iso(when: datetime) -> str | None:
    return iso(when)


Moment = Annotated[datetime, PlainSerializer(_iso, when_used="json")]
Number = int | float  # As it was measured: whole where it is whole.
Json = dict[str, JsonValue]
Larger = TypeVar("Larger", bound="Report")


class Report(BaseModel):
    """Something the pipeline says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def as_json(self) -> Json:
        """The report as `json.dumps` takes it; what was not given when it was made is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def within(self, larger: type[Larger], **more: object) -> Larger:
        """A report that holds this one's fields, as far as they were given, and `more`."""
        return larger.model_validate({name: getattr(self, name) for name in self.model_fields_set} | more)
