-- The packages of what is new: from now on their speakers are not certain. Locked in key order before any version is written.
INSERT INTO raw.unread_packages (package_key)
SELECT DISTINCT package_key FROM pg_temp.fresh ORDER BY package_key
ON CONFLICT (package_key) DO UPDATE SET package_key = excluded.package_key WHERE false;
