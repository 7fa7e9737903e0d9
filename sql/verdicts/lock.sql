-- One classification at a time; a second one waits, however long the first one takes, and then finds nothing left to do.
SELECT set_config('lock_timeout', '0', true), pg_advisory_xact_lock(%(key)s);
