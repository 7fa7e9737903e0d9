-- Every pair of neighbouring versions with other license ids or another verdict. Two versions that declare the same, of
-- which one's text was not read or not at its time, are none: nothing is known of a change.
INSERT INTO pg_temp.relicensed (package_key, package_id, from_version, to_version, from_verdict, to_verdict, from_rule,
                                to_rule, from_ids, to_ids, from_declaration, to_declaration, sort_key, released_at)
SELECT package_key, package_id, from_version, version, from_verdict, verdict, from_rule, rule, from_ids, spdx_ids,
       from_declaration, declaration, sort_key, released_at
FROM (SELECT v.*,
             lag(version) OVER earlier AS from_version,
             lag(verdict) OVER earlier AS from_verdict,
             lag(rule) OVER earlier AS from_rule,
             lag(spdx_ids) OVER earlier AS from_ids,
             lag(declaration) OVER earlier AS from_declaration
      FROM enriched.version_verdicts v
      WHERE package_key IN (SELECT package_key FROM pg_temp.varied)
      WINDOW earlier AS (PARTITION BY package_key ORDER BY sort_key, version_key)) AS version
WHERE (from_verdict <> verdict OR from_ids <> spdx_ids)
  AND NOT (from_declaration = declaration
           AND (from_rule IN ('text-not-read-yet', 'text-of-another-time')
                OR rule IN ('text-not-read-yet', 'text-of-another-time')));
