-- Give every pending package the verdict on its declaration. Pending is a package whose inputs, license list, policy or
-- ruleset differ from those its verdict was made with; `since` bounds where to look, for what lies before it was looked
-- at already. A verdict that stays what it was keeps its time; each change of one is recorded with its cause.
WITH pending AS MATERIALIZED (
    SELECT p.package_key, p.package_id, p.latest_version, p.license_expression, p.license_url, p.license_file,
           p.declaration, p.commit_timestamp, d.verdict, d.rule, d.reason, d.evidence, d.spdx_ids,
           s.ctid AS place, s.package_key IS NULL AS is_new, s.verdict AS old_verdict, s.rule AS old_rule,
           s.reason AS old_reason, s.judged_version AS old_version,
           coalesce(s.evidence -> 'text' ->> 'now', s.evidence -> 'text' ->> 'sha256') AS old_text,
           coalesce(d.evidence -> 'text' ->> 'now', d.evidence -> 'text' ->> 'sha256') AS new_text,
           CASE WHEN s.package_key IS NULL THEN 'restored'
                WHEN s.declaration IS DISTINCT FROM p.declaration THEN 'declaration'
                WHEN s.spdx_list_version IS DISTINCT FROM %(list_version)s THEN 'license-list'
                WHEN s.policy IS DISTINCT FROM %(policy)s THEN 'policy'
                WHEN s.ruleset IS DISTINCT FROM %(ruleset)s THEN 'ruleset'
                WHEN s.judged_version IS DISTINCT FROM p.latest_version THEN 'created'
                WHEN coalesce(s.evidence -> 'text', 'null') <> coalesce(d.evidence -> 'text', 'null') THEN 'text'
                ELSE 'facts' END AS cause,
           (s.verdict, s.rule, s.reason, s.evidence, s.spdx_ids, s.judged_version, s.declaration,
            s.source_commit_timestamp)
               IS DISTINCT FROM
           (d.verdict, d.rule, d.reason, d.evidence, d.spdx_ids, p.latest_version, p.declaration,
            p.commit_timestamp) AS decided
    FROM raw.nuget_packages p
    LEFT JOIN enriched.texts_at_hand h ON h.package_key = p.package_key AND h.version = p.latest_version
    JOIN enriched.declaration_verdicts d
        ON d.declaration = p.declaration AND d.text_source = coalesce(h.source_id, 0)
           AND enriched.in_era(p.created, d.created_from, d.created_until)
    LEFT JOIN enriched.nuget_package_oss_status s ON s.package_key = p.package_key
    WHERE p.state <> 'deleted'
      AND p.changed_xid >= %(since)s::xid8
      AND (s.package_key IS NULL
           OR s.source_commit_timestamp <> p.commit_timestamp
           OR s.declaration <> p.declaration
           OR s.judged_version <> p.latest_version
           OR s.package_id <> p.package_id
           OR s.spdx_list_version <> %(list_version)s
           OR s.ruleset <> %(ruleset)s
           OR s.policy <> %(policy)s
           OR s.verdict <> d.verdict OR s.rule <> d.rule OR s.reason <> d.reason OR s.spdx_ids <> d.spdx_ids
           OR s.evidence <> d.evidence)
), changes AS (
    INSERT INTO enriched.verdict_changes (package_key, package_id, from_verdict, to_verdict, from_rule, to_rule,
                                          from_reason, to_reason, from_version, to_version, cause, from_text,
                                          to_text)
    SELECT package_key, package_id, old_verdict, verdict, old_rule, rule, old_reason, reason, old_version,
           latest_version, cause, old_text, new_text
    FROM pending
    WHERE (NOT is_new AND (old_verdict <> verdict OR old_text <> new_text))
       OR (is_new AND (SELECT c.cause FROM enriched.verdict_changes c WHERE c.package_key = pending.package_key
                       ORDER BY c.id DESC LIMIT 1) = 'deleted')
    RETURNING from_verdict IS DISTINCT FROM to_verdict AS moved
), rewritten AS (
    -- By its place: classifications run one after the other, and nobody else writes this table.
    UPDATE enriched.nuget_package_oss_status s SET
        package_id = n.package_id, verdict = n.verdict, rule = n.rule, reason = n.reason, evidence = n.evidence,
        spdx_ids = n.spdx_ids, judged_version = n.latest_version, license_expression = n.license_expression,
        license_url = n.license_url, license_file = n.license_file, spdx_list_version = %(list_version)s,
        ruleset = %(ruleset)s, policy = %(policy)s, declaration = n.declaration,
        source_commit_timestamp = n.commit_timestamp,
        classified_at = CASE WHEN n.decided THEN now() ELSE s.classified_at END
    FROM pending n
    WHERE s.ctid = n.place
    RETURNING 1
), added AS (
    INSERT INTO enriched.nuget_package_oss_status
        (package_key, package_id, verdict, rule, reason, evidence, spdx_ids, judged_version, license_expression,
         license_url, license_file, spdx_list_version, ruleset, policy, declaration, source_commit_timestamp)
    SELECT package_key, package_id, verdict, rule, reason, evidence, spdx_ids, latest_version, license_expression,
           license_url, license_file, %(list_version)s, %(ruleset)s, %(policy)s, declaration, commit_timestamp
    FROM pending WHERE is_new
    RETURNING 1
)
SELECT (SELECT count(*) FROM pending WHERE decided) AS decided,
       (SELECT count(*) FROM changes WHERE moved) AS changed,
       (SELECT count(*) FROM rewritten) + (SELECT count(*) FROM added) AS written;
