"""`pkgintel schedule`: the three ticks, listed, switched on and off, or fired once."""

import getpass

import click
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from pkgintel import database
from pkgintel.celery import app
from pkgintel.cli.screen import emit, say
from pkgintel.database import migrations
from pkgintel.errors import ServiceUnavailable
from pkgintel.nuget.instant import iso
from pkgintel.reports import schedules
from pkgintel.runtime import broker, process
from pkgintel.tasks import beat
from pkgintel.text import minute, plain


@click.group("schedule")
def group() -> None:
    """The ticks are nuget, spdx and texts (PKGINTEL_NUGET_CRON, …_SPDX_CRON, …_TEXTS_CRON). They ship stopped."""


def _switch(name: str, *, enabled: bool) -> None:
    settings = process.current().deployment
    with database.connect(settings.database_url) as conn:
        migrations.require_schema(conn)
        try:
            beat.switch(conn, app, name, enabled=enabled, by=getpass.getuser())
        except RedisError as error:
            why = broker.because(settings.redis_url, error)
            raise ServiceUnavailable(
                f"Redis does not answer ({why}); the decision is stored, and beat will follow it when it starts."
            ) from None
        tick = schedules.ticks(conn)[name]
    when = f"; the next tick is {iso(tick.next_tick)}" if enabled else ""
    say(f"{name} is {'enabled' if enabled else 'disabled'}{when}")


@group.command("enable")
@click.argument("name")
def enable(name: str) -> None:
    """Enable a tick. It waits for its next time and does not fire at once."""
    _switch(name, enabled=True)


@group.command("disable")
@click.argument("name")
def disable(name: str) -> None:
    """Disable a tick. A run in progress goes on."""
    _switch(name, enabled=False)


@group.command("run-now")
@click.argument("name")
def run_now(name: str) -> None:
    """Fire a tick's task once, whether it is enabled or not."""
    settings = process.current().deployment
    try:
        with database.connect(settings.database_url) as conn:
            migrations.require_schema(conn)
            task, sent = beat.fire(conn, app, name)
    except (OperationalError, RedisError) as error:
        why = broker.because(settings.redis_url, error)
        raise ServiceUnavailable(f"Redis does not answer, so the task was not sent: {why}.") from None
    awake = app.control.ping(timeout=1.0)
    then = "a worker takes it up" if awake else "no worker answers now, so it waits for one (`pkgintel up` starts one)"
    say(f"{task} was sent (task {sent}); {then}; see `pkgintel status`")


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def list_(as_json: bool) -> None:
    """The ticks: cron, state, who decided it and when, last tick and its result, next tick. Times are UTC."""
    settings = process.current().deployment
    with database.connect(settings.database_url) as conn:
        migrations.require_schema(conn)
        ticks = schedules.ticks(conn)
    if as_json:
        emit({name: tick.as_json() for name, tick in ticks.items()})
        return
    for name, tick in ticks.items():
        say(f"{name:<6} {tick.cron:<12} {'enabled' if tick.enabled else 'stopped'}")
        who = "" if tick.changed_by == "install" else f" by {plain(tick.changed_by, 60)}"
        say(f"       {'so since install' if not who else 'decided ' + minute(tick.changed_at) + who}")
        how = f"run {tick.last_run}: {tick.last_result}" if tick.last_result else "by hand"
        last = f"{minute(tick.last_tick)} ({how})" if tick.last_tick else "never"
        say(f"       last tick {last}; next tick {minute(tick.next_tick) if tick.next_tick else 'none'} (UTC)")
