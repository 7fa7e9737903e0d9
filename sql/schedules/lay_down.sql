-- Beat gives a tick the crontab that it was started with.
UPDATE ops.schedules SET cron = %(cron)s WHERE name = %(name)s AND cron IS DISTINCT FROM %(cron)s;
