-- The newest details and the newest delete win by ticks, then by address, as they do when they are read. A leaf that stands
-- rejected gives way to any that does not.
INSERT INTO raw.unread_versions AS u
    (details_ticks, delete_ticks, package_key, version_key, package_id, version, sort_key, is_prerelease, rejected,
     details_url, delete_url)
SELECT details_ticks, delete_ticks, package_key, version_key, package_id, version, sort_key, is_prerelease, rejected,
       CASE WHEN NOT details_follows THEN details_url END, CASE WHEN NOT delete_follows THEN delete_url END
FROM pg_temp.fresh
WHERE new_details OR NOT is_read
ORDER BY package_key, version_key
ON CONFLICT (package_key, version_key) DO UPDATE SET
    (details_ticks, details_url, delete_ticks, delete_url, package_id, version, rejected) = (
        SELECT CASE WHEN details OR gives_way THEN excluded.details_ticks ELSE u.details_ticks END,
               CASE WHEN details OR gives_way THEN excluded.details_url ELSE u.details_url END,
               CASE WHEN deletes THEN excluded.delete_ticks ELSE u.delete_ticks END,
               CASE WHEN deletes THEN excluded.delete_url ELSE u.delete_url END,
               CASE WHEN spells THEN excluded.package_id ELSE u.package_id END,
               CASE WHEN spells THEN excluded.version ELSE u.version END,
               CASE WHEN spells THEN excluded.rejected ELSE u.rejected END
        FROM (SELECT details, deletes, gives_way, gives_way OR details OR (deletes AND u.details_ticks IS NULL) AS spells
              FROM (SELECT u.rejected AND NOT excluded.rejected AS gives_way,
                           raw.is_newer(%(base)s, excluded.details_ticks, excluded.details_url, u.details_ticks, u.details_url,
                                 u.package_key, u.version_key) AS details,
                           raw.is_newer(%(base)s, excluded.delete_ticks, excluded.delete_url, u.delete_ticks, u.delete_url,
                                 u.package_key, u.version_key) AS deletes) AS newer) AS says)
WHERE CASE WHEN u.rejected <> excluded.rejected THEN u.rejected
                -- A delete that is not newer takes no place, and says nothing else.
                AND (excluded.details_ticks IS NOT NULL
                     OR raw.is_newer(%(base)s, excluded.delete_ticks, excluded.delete_url, u.delete_ticks, u.delete_url,
                                u.package_key, u.version_key))
           ELSE raw.is_newer(%(base)s, excluded.details_ticks, excluded.details_url, u.details_ticks, u.details_url,
                      u.package_key, u.version_key)
             OR raw.is_newer(%(base)s, excluded.delete_ticks, excluded.delete_url, u.delete_ticks, u.delete_url,
                      u.package_key, u.version_key) END;
