-- How many versions and packages are known, and how many of them are read or judged: counted, but for versions where the
-- planner's estimate is above %(counted)s, which is given then. A version of which a newer leaf stands unread is unread.
WITH size AS MATERIALIZED (
    SELECT sum(greatest(reltuples, 0)) > %(counted)s AS large,
           sum(greatest(reltuples, 0)) FILTER (WHERE relname = 'read_versions')::bigint AS read,
           sum(greatest(reltuples, 0)) FILTER (WHERE relname = 'unread_versions')::bigint AS unread
    FROM pg_class WHERE oid IN ('raw.read_versions'::regclass, 'raw.unread_versions'::regclass)
), versions AS MATERIALIZED (
    SELECT NOT large AS exact,
           CASE WHEN large THEN read ELSE (SELECT count(*) FROM raw.nuget_versions WHERE read_at IS NOT NULL) END AS read,
           CASE WHEN large THEN unread ELSE (SELECT count(*) FROM raw.unread_versions) END AS unread
    FROM size
)
SELECT exact, read, unread, (SELECT count(*) FROM raw.nuget_packages) AS packages,
       (SELECT count(*) FROM enriched.nuget_package_oss_status) AS judged,
       (SELECT count(*) FROM raw.unread_packages u
        WHERE (SELECT 1 FROM raw.nuget_packages p WHERE p.package_key = u.package_key) IS NULL) AS packages_unread
FROM versions;
