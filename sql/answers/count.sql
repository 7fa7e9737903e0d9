-- What upstream answered since the last page of this process, for the metrics. It does not wait for the disk, for
-- every page locks these rows.
INSERT INTO ops.http_answers AS known (kind, answers)
SELECT kind, answers FROM unnest(%(kinds)s::text[], %(answers)s::bigint[]) AS heard (kind, answers)
WHERE (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL
ORDER BY kind
ON CONFLICT (kind) DO UPDATE SET answers = known.answers + excluded.answers;
