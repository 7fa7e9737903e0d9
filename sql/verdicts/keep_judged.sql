-- One verdict for each distinct declaration.
INSERT INTO enriched.declaration_verdicts AS v (declaration, verdict, rule, reason, evidence, spdx_ids, basis)
SELECT declaration, verdict, rule, reason, evidence, spdx_ids, %(basis)s FROM pg_temp.judged
ON CONFLICT (declaration) DO UPDATE SET verdict = excluded.verdict, rule = excluded.rule, reason = excluded.reason,
    evidence = excluded.evidence, spdx_ids = excluded.spdx_ids, basis = excluded.basis;
