-- Keep which versions a source lists of a package, in place of what it listed before.
INSERT INTO raw.looked_up_lists (source_url, package_key, versions)
VALUES (%(source_url)s, %(package_key)s, %(versions)s)
ON CONFLICT (source_url, package_key) DO UPDATE
SET versions = excluded.versions, looked_up_at = now();
