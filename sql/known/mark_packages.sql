-- The packages of what is new: from now on their speakers are not certain. In key order, before any version is written.
INSERT INTO raw.unread_packages (package_key)
SELECT package_key FROM pg_temp.fresh
GROUP BY package_key
-- One look into the index for each: a join would read the whole table, for nothing is known of how much is new.
HAVING (SELECT 1 FROM raw.unread_packages u WHERE u.package_key = fresh.package_key) IS NULL
ORDER BY package_key
ON CONFLICT (package_key) DO NOTHING;
