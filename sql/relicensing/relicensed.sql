-- Every pair of neighbouring versions of some packages with other license ids or another verdict. Two versions that declare
-- the same, of which one's text was not read or not at its time, are none: nothing is known of a change. Nor is
-- anything known across a version whose leaf is unread.
CREATE TEMPORARY TABLE relicensed ON COMMIT DROP AS
SELECT package_key, package_id, from_version, version AS to_version, from_verdict, verdict AS to_verdict, from_rule,
       rule AS to_rule, from_ids, spdx_ids AS to_ids, from_declaration, declaration AS to_declaration, sort_key, released_at
FROM (SELECT v.*,
             lag(version) OVER earlier AS from_version,
             lag(sort_key) OVER earlier AS from_sort_key,
             lag(verdict) OVER earlier AS from_verdict,
             lag(rule) OVER earlier AS from_rule,
             lag(spdx_ids) OVER earlier AS from_ids,
             lag(declaration) OVER earlier AS from_declaration
      FROM enriched.version_verdicts v
      WHERE package_key = ANY (%(varied)s::text[])
      WINDOW earlier AS (PARTITION BY package_key ORDER BY sort_key, version_key)) AS version
WHERE (from_verdict <> verdict OR from_ids <> spdx_ids)
  AND NOT enriched.unread_between(package_key, from_sort_key, sort_key)
  AND NOT (from_declaration = declaration
           AND (from_rule IN ('text-not-read-yet', 'text-of-another-time')
                OR rule IN ('text-not-read-yet', 'text-of-another-time')));
