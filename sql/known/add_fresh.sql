-- What is newer than what was read, and than what is known and unread. A version that was read already is deleted by what its
-- item says, so `is_read` asks for no leaf of a delete; one whose newer details are unread keeps its delete beside them.
-- Rejected leaves that a finished window accounts for, or that an operator accepted, are settled: they say nothing where
-- anything else is known of the version or announced with them, and what stands rejected gives way to any that does not.
INSERT INTO pg_temp.fresh
SELECT package_key, version_key, package_id, version, sort_key, is_prerelease,
       CASE WHEN new_details THEN details_ticks END, CASE WHEN new_details THEN details_url END, details_follows,
       CASE WHEN new_delete THEN delete_ticks ELSE read_delete_ticks END,
       CASE WHEN new_delete THEN delete_url ELSE read_delete_url END, delete_follows AND new_delete,
       new_details, new_delete, is_read,
       CASE WHEN new_details THEN lost
            ELSE (SELECT r.resolution = 'accepted' OR r.commit_ticks <= %(watermark)s FROM ops.rejected_leaves r
                  WHERE r.leaf_url = delete_url) IS TRUE END
FROM (
    SELECT a.*, v.details_ticks IS NOT NULL AS is_read, v.delete_ticks AS read_delete_ticks,
           v.delete_url AS read_delete_url, said.lost,
           a.details_ticks IS NOT NULL
           AND (v.details_ticks IS NULL OR (v.details_ticks, v.details_url) < (a.details_ticks, a.details_url))
           AND NOT (said.lost AND (v.package_key IS NOT NULL OR a.delete_ticks IS NOT NULL))
           AND (u.rejected IS TRUE AND NOT said.lost
                OR raw.is_newer(%(base)s, a.details_ticks, a.details_url, u.details_ticks, u.details_url,
                                a.package_key, a.version_key)) AS new_details,
           a.delete_ticks IS NOT NULL
           AND (v.delete_ticks IS NULL OR (v.delete_ticks, v.delete_url) < (a.delete_ticks, a.delete_url))
           AND raw.is_newer(%(base)s, a.delete_ticks, a.delete_url, u.delete_ticks, u.delete_url,
                            a.package_key, a.version_key) AS new_delete
    FROM pg_temp.announced a
    CROSS JOIN LATERAL (
        SELECT (SELECT r.resolution = 'accepted' OR r.commit_ticks <= %(watermark)s FROM ops.rejected_leaves r
                WHERE r.leaf_url = a.details_url) IS TRUE AS lost) AS said
    -- One look into the index for each: a join may read the whole table, for nothing is known of how much is announced.
    LEFT JOIN LATERAL (SELECT * FROM raw.read_versions r
                       WHERE r.package_key = a.package_key AND r.version_key = a.version_key LIMIT 1) AS v ON true
    LEFT JOIN LATERAL (SELECT * FROM raw.unread_versions k
                       WHERE k.package_key = a.package_key AND k.version_key = a.version_key LIMIT 1) AS u ON true
) AS compared
WHERE new_details OR new_delete;
