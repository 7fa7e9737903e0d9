"""What follows from every change of what is stored: its gate, the classifier, the classifier's gate."""

from pkgintel.database import Connection, Database
from pkgintel.pipeline import classify, gate, text_reading
from pkgintel.pipeline.checks import LICENSES, PACKAGES, TEXTS, VERDICTS
from pkgintel.pipeline.classify import Classification
from pkgintel.pipeline.states import Source
from pkgintel.settings import Settings

CLASSIFIER = "classifier"
READER = "reader"  # Of license texts that are stored.


def steps(source: Source | None) -> tuple[str, ...]:
    """The names of the gates to hold, READER and CLASSIFIER, in order; a closed gate ends it.

    `source` is what changed; None begins behind its gate. A new license list has the stored texts read again.
    """
    begin = {
        Source.NUGET: (PACKAGES,),
        Source.SPDX: (LICENSES, READER),
        Source.TEXTS: (READER, TEXTS),
        None: (),
    }[source]
    return (*begin, CLASSIFIER, VERDICTS)


def perform(
    db: Database, conn: Connection, settings: Settings, source: Source | None, run_id: int | None
) -> Classification:
    """Take these steps here and now behind run `run_id`, one after the other; what the classifier did.

    Raises: GateFailed.
    """
    result = Classification()
    for step in steps(source):
        if step == CLASSIFIER:
            _, result = classify.perform(db, conn, settings, cause_id=run_id)
        elif step == READER:
            text_reading.match(conn, settings, run_id)
        else:
            gate.after(conn, settings, step, run_id)
    return result
