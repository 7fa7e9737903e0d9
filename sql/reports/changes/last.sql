-- The last change of each kind.
SELECT (SELECT coalesce(max(id), 0) FROM enriched.verdict_changes) AS verdict,
       (SELECT coalesce(max(id), 0) FROM enriched.license_id_changes) AS license;
