-- The newest details of each version win by ticks, then by address. A leaf read again is rewritten only where it differs.
-- Of those written, the declarations not seen before are kept, in order, so that pages that bring the same new one wait
-- instead of deadlocking.
WITH written AS (
    INSERT INTO raw.read_versions AS v
        (package_key, version_key, package_id, version, license_expression, license_file, license_url, project_url, listed,
         is_prerelease, created, published, deprecated, sort_key, details_ticks, details_url, raw, raw_bytes)
    SELECT package_key, version_key, package_id, version, license_expression, license_file, license_url, project_url, listed,
           is_prerelease, created, published, deprecated, sort_key, commit_ticks, leaf_url, raw, raw_bytes
    FROM pg_temp.incoming
    WHERE NOT is_delete
    ORDER BY package_key, version_key
    ON CONFLICT (package_key, version_key) DO UPDATE SET
        package_id = excluded.package_id, version = excluded.version, license_expression = excluded.license_expression,
        license_file = excluded.license_file, license_url = excluded.license_url, project_url = excluded.project_url,
        listed = excluded.listed, is_prerelease = excluded.is_prerelease, created = excluded.created,
        published = excluded.published, deprecated = excluded.deprecated, sort_key = excluded.sort_key,
        details_ticks = excluded.details_ticks, details_url = excluded.details_url,
        raw = excluded.raw, raw_bytes = excluded.raw_bytes, read_at = now()
    WHERE v.details_ticks IS NULL
       OR (v.details_ticks, v.details_url) < (excluded.details_ticks, excluded.details_url)
       OR ((v.details_ticks, v.details_url) = (excluded.details_ticks, excluded.details_url)
           AND (v.package_id, v.version, v.license_expression, v.license_file, v.license_url, v.project_url, v.listed,
                v.is_prerelease, v.created, v.published, v.deprecated, v.sort_key, v.raw, v.raw_bytes)
               IS DISTINCT FROM
               (excluded.package_id, excluded.version, excluded.license_expression, excluded.license_file,
                excluded.license_url, excluded.project_url, excluded.listed, excluded.is_prerelease, excluded.created,
                excluded.published, excluded.deprecated, excluded.sort_key, excluded.raw, excluded.raw_bytes))
    RETURNING declaration, license_expression, license_file, license_url
), declared AS (
    INSERT INTO raw.license_declarations (declaration, license_expression, license_file, license_url)
    SELECT declaration, license_expression, license_file, license_url
    FROM written
    GROUP BY declaration, license_expression, license_file, license_url
    -- One look into the index for each: a join would read the whole table, as nothing is known of how much was written.
    HAVING (SELECT 1 FROM raw.license_declarations known WHERE known.declaration = written.declaration) IS NULL
    ORDER BY declaration
    ON CONFLICT (declaration) DO NOTHING
)
SELECT count(*) AS changed FROM written;
