-- The running runs that only a worker can carry on: what a command does in its own process (a classification without a task,
-- a replay) is left out.
SELECT id FROM ops.runs
WHERE state = 'running' AND (action IN ('scan', 'sync', 'fetch', 'read') OR (action = 'classify' AND task_id IS NOT NULL))
ORDER BY id;
