"""How work travels: broker, queues, retries, limits, the clock. What it is about stands in pkgintel/settings.py.

Every public name here is a Celery setting; each value has its reason beside it. It is read when Celery first asks for a
setting, which finds or starts the embedded services where no address was set.
"""

from celery.schedules import crontab as _crontab
from kombu import Queue as _Queue

from pkgintel.runtime import broker as _broker
from pkgintel.runtime import process as _process

_deployment = _process.current().deployment
_redis_url = _deployment.redis_url
broker_url = result_backend = _redis_url.partition("?")[0]
# What the address says of TLS, for the broker (and Flower, which reads nothing else) and for the results.
broker_use_ssl = redis_backend_use_ssl = _broker.tls(_redis_url)
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # A worker outlives any outage of its broker,
broker_channel_error_retry = True  # also one that takes no writes: its disk or memory is full, or it became a replica.

timezone = "UTC"  # The schedules are promised in UTC.
enable_utc = True

# Only JSON is read: a message can name a task and its arguments, never run code of its own.
task_serializer = "json"
result_serializer = "json"
accept_content = ["json"]
result_accept_content = ["json"]

imports = ("pkgintel.tasks",)

# A task is acknowledged when it is done, so a killed worker's tasks are delivered again; all of them may run twice.
task_acks_late = True
task_reject_on_worker_lost = True
task_retry_on_worker_lost = True  # A task that kills its worker each time fails after its retries, not never.
worker_prefetch_multiplier = 1  # Pages are long: none waits behind another on a busy worker.
worker_cancel_long_running_tasks_on_connection_loss = False  # True leaves chords waiting for the visibility timeout.

task_soft_time_limit = 1500  # A page of 2,750 leaves at two a second.
task_time_limit = 1560

broker_transport_options = {
    "visibility_timeout": 3600,  # Longer than any task; a lost run is found by its heartbeat long before.
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,  # The default looks only every tenth time.
    "socket_keepalive": True,
    "health_check_interval": 25,
    "client_name": "pkgintel",
}

result_backend_always_retry = True  # Without it a page that ends while Redis is down fails its whole chord.
result_backend_max_retries = 60
result_expires = 86_400
result_chord_expires = 7 * 86_400  # A chord whose parts are long apart still joins.
result_extended = False  # Flower has the arguments from the events.
redis_socket_keepalive = True
redis_backend_health_check_interval = 25
redis_retry_on_timeout = True

task_default_queue = "ops"
task_create_missing_queues = False  # A misspelled queue is an error, not a queue nobody reads.
# Control tasks have queues of their own, so that a callback never waits behind two thousand pages.
# So have the pages of replays, for queues take turns: a scan whose pages wait behind a long replay would count as lost.
task_queues = [_Queue("ops"), _Queue("catalog"), _Queue("pages"), _Queue("replays"), _Queue("verdicts")]
task_routes = {
    "catalog.upsert_page": {"queue": "pages"},
    "texts.fetch_host": {"queue": "replays"},  # Long and patient, like the pages of a replay.
    "texts.match": {"queue": "verdicts"},  # What a worker needs to read texts, it loads when it first does.
    "texts.*": {"queue": "catalog"},
    "catalog.*": {"queue": "catalog"},
    "verdicts.*": {"queue": "verdicts"},
    "spdx.*": {"queue": "catalog"},
    "checks.*": {"queue": "ops"},
    "ops.*": {"queue": "ops"},
}

worker_consumer = "pkgintel.runtime.consumer:Consumer"  # A message that is no task ends no worker.
worker_max_tasks_per_child = 1000
worker_max_memory_per_child = 400_000  # KiB; a guard, for a worker stays near 100 MB.
worker_proc_alive_timeout = 30
worker_soft_shutdown_timeout = 20  # On SIGQUIT: about a page's time; then the rest goes back to the queue.
worker_hijack_root_logger = False  # pkgintel.celery sets up the log.
task_track_started = True
worker_send_task_events = True  # Flower sees everything without `-E`.
task_send_sent_event = True

beat_scheduler = "pkgintel.tasks.beat:Scheduler"
beat_max_loop_interval = 5  # An enabled schedule is noticed within five seconds.
redbeat_redis_url = _redis_url
redbeat_redis_options = {"retry_period": 60}
redbeat_key_prefix = "pkgintel:beat:"
redbeat_lock_timeout = 30  # A standby beat takes over half a minute after the first one dies.

# The ticks ship stopped; an operator enables them and ops.schedules remembers. Upkeep is always on.
beat_schedule = {
    "nuget": {
        "task": "catalog.scan",
        "schedule": _crontab.from_string(_deployment.nuget_cron),
        "kwargs": {"kind": "scheduled"},
        "enabled": False,
    },
    "spdx": {
        "task": "spdx.sync",
        "schedule": _crontab.from_string(_deployment.spdx_cron),
        "kwargs": {"kind": "scheduled"},
        "enabled": False,
    },
    "texts": {
        "task": "texts.fetch",
        "schedule": _crontab.from_string(_deployment.texts_cron),
        "kwargs": {"kind": "scheduled"},
        "enabled": False,
    },
    "upkeep": {"task": "ops.upkeep", "schedule": 10.0, "options": {"expires": 25}},
}
