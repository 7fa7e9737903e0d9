-- The license files inside some versions that were read, as sources; those that nobody has to be asked about now, for they
-- are here or were looked for not long ago, are `settled`.
INSERT INTO raw.text_sources AS s (kind, host, owner, package_key, version_key, version)
SELECT 'embedded', %(host)s, v.package_key, v.package_key, v.version_key, v.version
FROM unnest(%(package_keys)s::text[], %(version_keys)s::text[]) AS asked (package_key, version_key)
JOIN raw.read_versions v USING (package_key, version_key)
ON CONFLICT (package_key, version_key) DO UPDATE SET host = s.host
RETURNING s.id, s.kind, s.url, s.package_key, s.version_key, s.etag, s.sha256,
          s.state <> 'trouble' AND coalesce(s.next_at > now(), true) AS settled;
