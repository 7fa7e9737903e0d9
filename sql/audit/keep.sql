-- Keep what was looked up, in place of what was looked up before.
INSERT INTO raw.looked_up_versions
    (source_url, package_key, version_key, package_id, version, found, license_expression, license_file, license_url,
     document_url, body)
VALUES (%(source_url)s, %(package_key)s, %(version_key)s, %(package_id)s, %(version)s, %(found)s, %(license_expression)s,
        %(license_file)s, %(license_url)s, %(document_url)s, %(body)s)
ON CONFLICT (source_url, package_key, version_key) DO UPDATE
SET package_id = excluded.package_id, version = excluded.version, found = excluded.found,
    license_expression = excluded.license_expression, license_file = excluded.license_file,
    license_url = excluded.license_url, document_url = excluded.document_url, body = excluded.body,
    looked_up_at = now();
