-- Where newer details of a version that was read stand unread, its delete is known beside them.
UPDATE raw.unread_versions u
SET delete_ticks = f.delete_ticks, delete_url = CASE WHEN NOT f.delete_follows THEN f.delete_url END
FROM pg_temp.fresh f
WHERE f.is_read AND f.new_delete AND u.package_key = f.package_key AND u.version_key = f.version_key
  AND raw.is_newer(%(base)s, f.delete_ticks, f.delete_url, u.delete_ticks, u.delete_url, u.package_key, u.version_key);
