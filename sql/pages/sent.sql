-- The running runs whose pages were sent to workers. What a command reads in its own process has no task.
SELECT id, action FROM ops.runs
WHERE state = 'running' AND action IN ('scan', 'replay', 'fetch') AND pages_total > 0 AND task_id IS NOT NULL
ORDER BY id;
