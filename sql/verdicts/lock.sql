-- One classification at a time; a second one waits, however long the first one takes (ten minutes at most), and then finds
-- nothing left to do. Gives the lock_timeout of before, which is to hold again for what follows.
WITH patience AS MATERIALIZED (
    SELECT current_setting('lock_timeout') AS before, set_config('lock_timeout', '10min', true) AS now
)
SELECT patience.before
FROM patience, ops.locks
WHERE locks.name = 'classify' AND patience.now <> ''
FOR UPDATE OF locks;
