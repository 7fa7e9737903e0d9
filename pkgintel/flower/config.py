"""Options of Flower, found by `celery -A pkgintel flower`; the command line and FLOWER_… variables win over them.

Flower runs this file before it builds its application. Every public name here is one of its options.
"""

import os as _os

from pkgintel.flower import drawing as _drawing
from pkgintel.flower import page as _page

tasks_columns = _os.environ.get("FLOWER_TASKS_COLUMNS") or "name,args,state,result,runtime,retries,received,worker"
format_task = _drawing.format_task
# Flower keeps tasks in memory, some 4 kB each, and a hundred thousand by default: more than its container has.
max_tasks = int(_os.environ.get("FLOWER_MAX_TASKS") or 20_000)
purge_offline_workers = int(_os.environ.get("FLOWER_PURGE_OFFLINE_WORKERS") or 86_400)  # A day of what has been.

_page.install()
