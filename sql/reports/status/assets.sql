-- How many rows each asset holds (counted where the planner's estimate is at most %(counted)s, else that estimate) and
-- when its source last succeeded. "Nothing new" is a success.
WITH asset (n, name, source, relation) AS (VALUES
    (1, 'raw_nuget_packages', 'nuget', 'raw.nuget_packages'::regclass),
    (2, 'raw_spdx_licenses', 'spdx', 'raw.spdx_licenses'::regclass),
    (3, 'raw_license_texts', 'texts', 'raw.license_texts'::regclass),
    (4, 'enriched_nuget_package_oss_status', 'verdicts', 'enriched.nuget_package_oss_status'::regclass))
SELECT asset.name, asset.source, c.reltuples <= %(counted)s AS exact,
       CASE WHEN c.reltuples > %(counted)s THEN c.reltuples::bigint
            WHEN asset.source = 'nuget' THEN (SELECT count(*) FROM raw.nuget_packages)
            WHEN asset.source = 'spdx' THEN (SELECT count(*) FROM raw.spdx_licenses)
            WHEN asset.source = 'texts' THEN (SELECT count(*) FROM raw.license_texts)
            ELSE (SELECT count(*) FROM enriched.nuget_package_oss_status) END AS rows,
       run.last_success, extract(epoch FROM now() - run.last_success)::float8 AS age_seconds
FROM asset
JOIN pg_class c ON c.oid = asset.relation
CROSS JOIN LATERAL (SELECT max(finished_at) AS last_success FROM ops.runs
                    WHERE source = asset.source AND state IN ('done', 'caught_up') AND action NOT IN ('replay', 'read')) AS run
ORDER BY asset.n;
