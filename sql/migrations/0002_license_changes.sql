-- Where a package was relicensed: pairs of neighbouring versions whose declarations got different verdicts. Deleted
-- versions are left out. Asked for one package_key, each view reads that package's versions only.

-- Every version that has a verdict. nuget.org says "published 1900" of an unlisted version, so `created` comes first.
CREATE VIEW enriched.version_verdicts AS
SELECT v.package_key, v.version_key, v.package_id, v.version, v.sort_key, v.listed, v.is_prerelease,
       coalesce(v.created, CASE WHEN v.published >= '1901-01-01Z' THEN v.published END, v.commit_timestamp)
           AS released_at,
       d.verdict, d.rule,
       jsonb_strip_nulls(jsonb_build_object('license_expression', v.license_expression,
                                            'license_file', v.license_file,
                                            'license_url', v.license_url)) AS declaration
FROM raw.nuget_versions v
JOIN enriched.declaration_verdicts d ON d.declaration = v.declaration
WHERE v.deleted_at IS NULL;

-- In the order of the versions (1.9 before 1.10): what a person who upgrades meets.
CREATE VIEW enriched.license_changes AS
SELECT package_key, package_id, from_version, version AS to_version, from_verdict, verdict AS to_verdict,
       from_rule, rule AS to_rule, from_declaration, declaration AS to_declaration, released_at, sort_key
FROM (SELECT version_verdicts.*,
             lag(version) OVER earlier AS from_version,
             lag(verdict) OVER earlier AS from_verdict,
             lag(rule) OVER earlier AS from_rule,
             lag(declaration) OVER earlier AS from_declaration
      FROM enriched.version_verdicts
      WINDOW earlier AS (PARTITION BY package_key ORDER BY sort_key, version_key)) AS version
WHERE from_verdict <> verdict;

-- In the order in which the versions were released: what the author did when.
CREATE VIEW enriched.license_changes_by_date AS
SELECT package_key, package_id, from_version, version AS to_version, from_verdict, verdict AS to_verdict,
       from_rule, rule AS to_rule, from_declaration, declaration AS to_declaration, released_at, sort_key
FROM (SELECT version_verdicts.*,
             lag(version) OVER earlier AS from_version,
             lag(verdict) OVER earlier AS from_verdict,
             lag(rule) OVER earlier AS from_rule,
             lag(declaration) OVER earlier AS from_declaration
      FROM enriched.version_verdicts
      WINDOW earlier AS (PARTITION BY package_key ORDER BY released_at, sort_key, version_key)) AS version
WHERE from_verdict <> verdict;
