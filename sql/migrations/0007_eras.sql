-- A verdict follows from a declaration and from when the version was created, for a page may have said one thing until a
-- day and another since. A declaration has as many rows as it has eras: one for nearly all, a handful for a few.

-- Whether a version created then belongs to an era. `until` is exclusive; NULL: the era has no end. A version without a
-- date stands behind every date: only what has no end can hold for it.
CREATE FUNCTION enriched.in_era(created timestamptz, since timestamptz, until timestamptz) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(created, 'infinity') >= since AND (until IS NULL OR coalesce(created, 'infinity') < until);

ALTER TABLE enriched.declaration_verdicts
    ADD COLUMN created_from timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN created_until timestamptz,
    ADD CONSTRAINT era_is_not_empty CHECK (created_until > created_from),
    DROP CONSTRAINT declaration_verdicts_pkey,
    ADD PRIMARY KEY (declaration, created_from);

-- When the version that speaks for a package was created.
ALTER TABLE raw.nuget_packages ADD COLUMN created timestamptz;
UPDATE raw.nuget_packages p SET created = v.created
FROM raw.nuget_versions v
WHERE v.package_key = p.package_key AND v.version = p.latest_version AND v.created IS NOT NULL AND v.deleted_at IS NULL;

CREATE OR REPLACE VIEW enriched.version_verdicts AS
SELECT v.package_key, v.version_key, v.package_id, v.version, v.sort_key, v.listed, v.is_prerelease,
       coalesce(v.created, CASE WHEN v.published >= '1901-01-01Z' THEN v.published END, v.commit_timestamp)
           AS released_at,
       d.verdict, d.rule,
       jsonb_strip_nulls(jsonb_build_object('license_expression', v.license_expression,
                                            'license_file', v.license_file,
                                            'license_url', v.license_url)) AS declaration,
       d.spdx_ids
FROM raw.nuget_versions v
JOIN enriched.declaration_verdicts d
    ON d.declaration = v.declaration AND enriched.in_era(v.created, d.created_from, d.created_until)
WHERE v.deleted_at IS NULL;

-- A verdict may also change because one of the tables of facts did, because the version that speaks was created at
-- another time, or because a package came back.
ALTER TABLE enriched.verdict_changes
    DROP CONSTRAINT verdict_changes_cause_check,
    ADD CONSTRAINT verdict_changes_cause_check CHECK (
        cause IN ('declaration', 'license-list', 'ruleset', 'policy', 'facts', 'created', 'deleted', 'restored'));
