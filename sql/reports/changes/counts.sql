-- How many changes of licenses between versions are known, and how many changes of verdicts and of the texts they rest on, by
-- what became what.
SELECT 'license' AS kind, from_verdict, to_verdict, count(*) AS changes
FROM enriched.license_id_changes GROUP BY from_verdict, to_verdict
UNION ALL
SELECT 'verdict', coalesce(from_verdict, 'none'), coalesce(to_verdict, 'none'), count(*)
FROM enriched.verdict_changes WHERE from_verdict IS DISTINCT FROM to_verdict GROUP BY from_verdict, to_verdict
UNION ALL
SELECT 'text', coalesce(from_verdict, 'none'), coalesce(to_verdict, 'none'), count(*)
FROM enriched.verdict_changes WHERE from_text <> to_text GROUP BY from_verdict, to_verdict
ORDER BY 1, 2, 3;
