-- The crontab that a tick has, as beat laid it down when it started; unknown until a beat has.
ALTER TABLE ops.schedules ADD COLUMN cron text;
