-- One verdict for each era of each distinct declaration; eras that are there no more go.
WITH gone AS (
    DELETE FROM enriched.declaration_verdicts v
    USING (SELECT DISTINCT declaration FROM pg_temp.judged) AS again
    WHERE v.declaration = again.declaration
      AND NOT EXISTS (SELECT FROM pg_temp.judged j
                      WHERE j.declaration = v.declaration AND j.created_from = v.created_from)
)
INSERT INTO enriched.declaration_verdicts AS v (declaration, created_from, created_until, verdict, rule, reason, evidence,
                                                spdx_ids, basis)
SELECT declaration, created_from, created_until, verdict, rule, reason, evidence, spdx_ids, %(basis)s FROM pg_temp.judged
ON CONFLICT (declaration, created_from) DO UPDATE SET created_until = excluded.created_until,
    verdict = excluded.verdict, rule = excluded.rule, reason = excluded.reason, evidence = excluded.evidence,
    spdx_ids = excluded.spdx_ids, basis = excluded.basis;
