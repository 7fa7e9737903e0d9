-- A version that was read is deleted by what its item says.
UPDATE raw.read_versions v
SET delete_ticks = f.delete_ticks, delete_url = f.delete_url, read_at = now()
FROM pg_temp.fresh f
WHERE f.is_read AND f.new_delete
  AND v.package_key = f.package_key AND v.version_key = f.version_key AND v.details_ticks IS NOT NULL
  AND (v.delete_ticks IS NULL OR (v.delete_ticks, v.delete_url) < (f.delete_ticks, f.delete_url));
