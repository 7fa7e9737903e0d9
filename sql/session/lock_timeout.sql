-- How long this transaction waits for a lock from now on.
SELECT set_config('lock_timeout', %(wait)s, true);
