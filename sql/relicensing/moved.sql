-- Declarations that were judged before, and otherwise.
CREATE TEMPORARY TABLE moved ON COMMIT DROP AS
SELECT DISTINCT j.declaration
FROM pg_temp.judged j
WHERE EXISTS (SELECT FROM enriched.declaration_verdicts v
              WHERE v.declaration = j.declaration AND v.text_source = j.text_source)
  AND NOT EXISTS (SELECT FROM enriched.declaration_verdicts v
                  WHERE v.declaration = j.declaration AND v.text_source = j.text_source
                    AND v.created_from = j.created_from
                    AND v.created_until IS NOT DISTINCT FROM j.created_until
                    AND (v.verdict, v.rule, v.spdx_ids) = (j.verdict, j.rule, j.spdx_ids));
