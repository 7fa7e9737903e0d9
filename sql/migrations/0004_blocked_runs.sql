-- Runs that a closed gate ended: upkeep looks for the newest one every minute.
CREATE INDEX runs_blocked ON ops.runs (finished_at) WHERE state = 'blocked';
