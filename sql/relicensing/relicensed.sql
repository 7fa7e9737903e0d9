-- Every pair of neighbouring versions of some packages with other license ids or another verdict. Two versions that declare
-- the same, of which one's text was not read or not at its time, are none: nothing is known of a change. Nor is
-- anything known across a version whose leaf is unread, the places of both included: unread versions stand in the same
-- order, each looked at once, for a package may have ten thousand of them.
CREATE TEMPORARY TABLE relicensed ON COMMIT DROP AS
SELECT package_key, package_id, from_version, version AS to_version, from_verdict, verdict AS to_verdict, from_rule,
       rule AS to_rule, from_ids, spdx_ids AS to_ids, from_declaration, declaration AS to_declaration, sort_key, released_at
FROM (SELECT placed.*,
             lag(version) OVER earlier AS from_version,
             lag(verdict) OVER earlier AS from_verdict,
             lag(rule) OVER earlier AS from_rule,
             lag(spdx_ids) OVER earlier AS from_ids,
             lag(declaration) OVER earlier AS from_declaration,
             lag(unread_to_here - unread_here) OVER earlier AS unread_before
      FROM (SELECT v.*,
                   count(*) FILTER (WHERE is_unread) OVER (PARTITION BY package_key ORDER BY sort_key) AS unread_to_here,
                   count(*) FILTER (WHERE is_unread) OVER (PARTITION BY package_key, sort_key) AS unread_here
            FROM (SELECT package_key, version_key, package_id, version, verdict, rule, spdx_ids, declaration, sort_key,
                         released_at, false AS is_unread
                  FROM enriched.version_verdicts
                  WHERE package_key = ANY (%(varied)s::text[])
                  UNION ALL
                  SELECT package_key, version_key, NULL, NULL, NULL, NULL, NULL, NULL, sort_key, NULL, true
                  FROM raw.unread_leaves
                  WHERE package_key = ANY (%(varied)s::text[]) AND deleted_at IS NULL AND NOT rejected) AS v) AS placed
      WINDOW earlier AS (PARTITION BY package_key ORDER BY sort_key, version_key)) AS version
WHERE (from_verdict <> verdict OR from_ids <> spdx_ids)
  AND unread_to_here = unread_before
  AND NOT (from_declaration = declaration
           AND (from_rule IN ('text-not-read-yet', 'text-of-another-time')
                OR rule IN ('text-not-read-yet', 'text-of-another-time')));
