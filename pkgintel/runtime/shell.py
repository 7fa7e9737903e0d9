"""The Python shell of `celery -A pkgintel shell`: the plain one where no other is installed.

Celery 5 starts it while it handles that there is no IPython, so every error in it would end in a traceback of that,
too. Asked for the plain shell, it starts it outright.
"""

import importlib.util

from celery.bin.shell import shell

OTHERS = ("IPython", "bpython")


def choose() -> None:
    """Make `--python` the default where no other shell is installed."""
    if not any(map(importlib.util.find_spec, OTHERS)):
        for option in shell.params:
            if option.name == "python":
                option.default = True
