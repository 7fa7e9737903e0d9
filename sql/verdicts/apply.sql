-- Give every pending package the verdict on its declaration. Pending is a package whose inputs, license list, policy or
-- ruleset differ from those its verdict was made with; `since` bounds where to look, for what lies before it was looked
-- at already. A verdict that stays what it was keeps its time; each change of one is recorded with its cause.
-- Nearly all packages speak by a version without a text of its own. They have a branch for themselves, for of a join by
-- either the planner expects one package in two hundred.
WITH beside AS (
    SELECT p.package_key, p.package_id, p.latest_version, p.license_expression, p.license_url, p.license_file,
           p.declaration, p.commit_timestamp, d.verdict, d.rule, d.reason, d.evidence, d.spdx_ids, d.hand_key,
           s.ctid AS place, s.package_key AS old_key, s.package_id AS old_id, s.verdict AS old_verdict,
           s.rule AS old_rule, s.reason AS old_reason, s.evidence AS old_evidence, s.spdx_ids AS old_ids,
           s.judged_version AS old_version, s.declaration AS old_declaration, s.source_commit_timestamp AS old_commit,
           s.spdx_list_version, s.ruleset, s.policy
    FROM raw.nuget_packages p
    JOIN enriched.declaration_verdicts d
        ON d.declaration = p.declaration AND d.text_source = 0
           AND enriched.in_era(p.created, d.created_from, d.created_until)
    LEFT JOIN enriched.nuget_package_oss_status s ON s.package_key = p.package_key
    WHERE p.state <> 'deleted' AND p.changed_xid >= %(since)s::xid8
      AND NOT EXISTS (SELECT FROM enriched.texts_at_hand h
                      WHERE h.package_key = p.package_key AND h.version = p.latest_version)
    UNION ALL
    SELECT p.package_key, p.package_id, p.latest_version, p.license_expression, p.license_url, p.license_file,
           p.declaration, p.commit_timestamp, d.verdict, d.rule, d.reason, d.evidence, d.spdx_ids, d.hand_key,
           s.ctid AS place, s.package_key AS old_key, s.package_id AS old_id, s.verdict AS old_verdict,
           s.rule AS old_rule, s.reason AS old_reason, s.evidence AS old_evidence, s.spdx_ids AS old_ids,
           s.judged_version AS old_version, s.declaration AS old_declaration, s.source_commit_timestamp AS old_commit,
           s.spdx_list_version, s.ruleset, s.policy
    FROM enriched.texts_at_hand h
    JOIN raw.nuget_packages p ON p.package_key = h.package_key AND p.latest_version = h.version
    JOIN enriched.declaration_verdicts d
        ON d.declaration = p.declaration AND d.text_source = h.source_id
           AND enriched.in_era(p.created, d.created_from, d.created_until)
    LEFT JOIN enriched.nuget_package_oss_status s ON s.package_key = p.package_key
    WHERE p.state <> 'deleted' AND p.changed_xid >= %(since)s::xid8
), pending AS MATERIALIZED (
    SELECT package_key, package_id, latest_version, license_expression, license_url, license_file, declaration,
           commit_timestamp, verdict, rule, reason, evidence, spdx_ids, place, old_key IS NULL AS is_new, old_verdict,
           old_rule, old_reason, old_version,
           -- Looked for only where they can be recorded: what was judged without a text at hand has none in its evidence.
           CASE WHEN old_verdict <> verdict OR hand_key <> ''
                THEN coalesce(old_evidence -> 'text' ->> 'now', old_evidence -> 'text' ->> 'sha256') END AS old_text,
           CASE WHEN hand_key <> ''
                THEN coalesce(evidence -> 'text' ->> 'now', evidence -> 'text' ->> 'sha256') END AS new_text,
           CASE WHEN old_key IS NULL THEN 'restored'
                WHEN old_declaration <> declaration THEN 'declaration'
                WHEN spdx_list_version <> %(list_version)s THEN 'license-list'
                WHEN policy <> %(policy)s THEN 'policy'
                WHEN ruleset <> %(ruleset)s THEN 'ruleset'
                WHEN old_version <> latest_version THEN 'created'
                WHEN coalesce(old_evidence -> 'text', 'null') <> coalesce(evidence -> 'text', 'null') THEN 'text'
                ELSE 'facts' END AS cause,
           (old_commit, old_version, old_declaration, old_verdict, old_rule, old_reason, old_ids, old_evidence)
               IS DISTINCT FROM
           (commit_timestamp, latest_version, declaration, verdict, rule, reason, spdx_ids, evidence) AS decided
    FROM beside
    WHERE old_key IS NULL
       OR old_commit <> commit_timestamp
       OR old_declaration <> declaration
       OR old_version <> latest_version
       OR old_id <> package_id
       OR spdx_list_version <> %(list_version)s
       OR ruleset <> %(ruleset)s
       OR policy <> %(policy)s
       -- By their bytes, which is quicker: where they differ and mean the same, the row is written and nothing decided.
       OR record_image_ne(ROW (old_verdict, old_rule, old_reason, old_ids, old_evidence),
                          ROW (verdict, rule, reason, spdx_ids, evidence))
), changes AS (
    INSERT INTO enriched.verdict_changes (package_key, package_id, from_verdict, to_verdict, from_rule, to_rule,
                                          from_reason, to_reason, from_version, to_version, cause, from_text,
                                          to_text)
    SELECT package_key, package_id, old_verdict, verdict, old_rule, rule, old_reason, reason, old_version,
           latest_version, cause, old_text, new_text
    FROM pending
    WHERE (NOT is_new AND (old_verdict <> verdict OR old_text <> new_text))
       OR (is_new AND (SELECT EXISTS (SELECT FROM enriched.verdict_changes))
           AND (SELECT c.cause FROM enriched.verdict_changes c WHERE c.package_key = pending.package_key
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
), added AS (
    INSERT INTO enriched.nuget_package_oss_status
        (package_key, package_id, verdict, rule, reason, evidence, spdx_ids, judged_version, license_expression,
         license_url, license_file, spdx_list_version, ruleset, policy, declaration, source_commit_timestamp)
    SELECT package_key, package_id, verdict, rule, reason, evidence, spdx_ids, latest_version, license_expression,
           license_url, license_file, %(list_version)s, %(ruleset)s, %(policy)s, declaration, commit_timestamp
    FROM pending WHERE is_new
)
SELECT (SELECT count(*) FROM pending WHERE decided) AS decided, (SELECT count(*) FROM changes WHERE moved) AS changed;
