-- Behind them what says that their speakers are not certain, which also keeps apart those who derive a package without a row.
INSERT INTO raw.unread_packages (package_key)
SELECT package_key FROM pg_temp.touched_packages ORDER BY package_key
ON CONFLICT (package_key) DO UPDATE SET package_key = excluded.package_key WHERE false;
