-- One verdict for each era of each distinct declaration and the text at hand; eras that are there no more go.
WITH gone AS (
    DELETE FROM enriched.declaration_verdicts v
    USING (SELECT DISTINCT declaration, text_source FROM pg_temp.judged) AS again
    WHERE v.declaration = again.declaration AND v.text_source = again.text_source
      AND NOT EXISTS (SELECT FROM pg_temp.judged j
                      WHERE j.declaration = v.declaration AND j.text_source = v.text_source
                        AND j.created_from = v.created_from)
)
INSERT INTO enriched.declaration_verdicts AS v (declaration, text_source, hand_key, created_from, created_until, verdict,
                                                rule, reason, evidence, spdx_ids, basis)
SELECT declaration, text_source, hand_key, created_from, created_until, verdict, rule, reason, evidence, spdx_ids, %(basis)s
FROM pg_temp.judged
ON CONFLICT (declaration, text_source, created_from) DO UPDATE SET hand_key = excluded.hand_key,
    created_until = excluded.created_until, verdict = excluded.verdict, rule = excluded.rule, reason = excluded.reason,
    evidence = excluded.evidence, spdx_ids = excluded.spdx_ids, basis = excluded.basis;
