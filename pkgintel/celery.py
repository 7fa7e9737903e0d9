"""The Celery application, found by `celery -A pkgintel`, and the way its processes write their log."""

import importlib
import logging
import os
import re
import runpy
import sys
from pathlib import Path
from typing import Any

from celery import Celery
from celery.app import utils as celery_settings
from celery.loaders.app import AppLoader
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown

from pkgintel import carried
from pkgintel.errors import PkgintelError
from pkgintel.runtime import channel, logs, memory, process
from pkgintel.settings import Deployment, unknown_variables


class _Loader(AppLoader):  # type: ignore[misc]
    """Reads a configuration from its file, so that it is found from any directory, and never another of its name.

    Celery asks for it when it needs a setting, not when the application is imported. A setting of pkgintel that is
    wrong, or a service that cannot be used, ends the process with one sentence.
    """

    def config_from_object(self, obj: Path, silent: bool = False) -> Any:
        _deployment()
        read = runpy.run_path(str(obj), run_name="celeryconfig")
        public = {name: value for name, value in read.items() if not name.startswith("_")}
        return super().config_from_object(public, silent)


def _deployment() -> Deployment:
    try:
        return process.current().deployment
    except PkgintelError as error:
        sys.stderr.write(f"pkgintel: {error}\n")
        sys.exit(error.exit_code)


app = Celery("pkgintel", loader=_Loader, amqp=channel.Messages)
app.config_from_object(carried("celeryconfig.py"))

# Celery shows its settings to whoever asks a worker, Flower on its pages; it knows which of its own hold a secret.
celery_settings.HIDDEN_SETTINGS = re.compile(
    f"{celery_settings.HIDDEN_SETTINGS.pattern}|REDBEAT_REDIS_URL", celery_settings.HIDDEN_SETTINGS.flags
)

# Where Celery has loaded its own commands, its shell knows which one there is.
if "celery.bin.shell" in sys.modules:
    importlib.import_module("pkgintel.runtime.shell").choose()

# Where Celery has loaded Flower's command, Flower gets guards that no option of it replaces. By name: it lies above.
if "flower.app" in sys.modules:
    importlib.import_module("pkgintel.flower.guard").install()

if "flower" in sys.argv:
    # `celery -A pkgintel flower` reads its options from here, unless the environment or --conf names another file.
    os.environ.setdefault("FLOWER_CONF", str(Path(__file__).parent / "flower" / "config.py"))


@setup_logging.connect
def _log(loglevel: int | str = "INFO", **_: Any) -> None:
    """Every process of Celery writes its log as pkgintel does."""
    logs.set_up(_deployment().log_format, loglevel)
    for sentence in unknown_variables():
        logging.getLogger("pkgintel").warning(sentence)


@worker_process_init.connect
def _begin(**_: Any) -> None:
    memory.collect_seldom()


@worker_process_shutdown.connect
def _close(**_: Any) -> None:
    process.end()
