-- What upstream answered since the last page of this process, for the metrics.
INSERT INTO ops.http_answers AS known (kind, answers)
SELECT kind, answers FROM unnest(%(kinds)s::text[], %(answers)s::bigint[]) AS heard (kind, answers)
ORDER BY kind
ON CONFLICT (kind) DO UPDATE SET answers = known.answers + excluded.answers;
