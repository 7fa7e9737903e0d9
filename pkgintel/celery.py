"""The Celery application, found by `celery -A pkgintel`, and the way its processes write their log."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_shutdown
from kombu.transport.redis import Transport

from pkgintel.errors import PkgintelError
from pkgintel.runtime import channel, logs, process
from pkgintel.settings import unknown_variables

app = Celery("pkgintel")
app.config_from_object("celeryconfig")


Transport.Channel = channel.Channel

# `celery -A pkgintel flower` reads its options from here, unless the command line names another.
os.environ.setdefault("FLOWER_CONF", str(Path(__file__).parent / "flower" / "config.py"))


@setup_logging.connect
def _log(loglevel: int | str = "INFO", **_: Any) -> None:
    """Every process of Celery writes its log as pkgintel does; a wrong setting ends it with one sentence."""
    try:
        settings = process.current().deployment
    except PkgintelError as error:
        sys.stderr.write(f"pkgintel: {error}\n")
        sys.exit(error.exit_code)
    logs.set_up(settings.log_format, loglevel)
    for sentence in unknown_variables():
        logging.getLogger("pkgintel").warning(sentence)


@worker_process_shutdown.connect
def _close(**_: Any) -> None:
    process.end()
