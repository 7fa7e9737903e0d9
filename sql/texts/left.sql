-- What a run still has to ask of a host: sources that it has not looked at.
SELECT s.id, s.kind, s.url, s.package_key, s.version_key, s.etag, s.sha256, v.license_file
FROM ops.run_texts t
JOIN raw.text_sources s ON s.id = t.source_id
LEFT JOIN raw.read_versions v ON v.package_key = s.package_key AND v.version_key = s.version_key
WHERE t.run_id = %(run_id)s AND t.page_url = %(host)s
  AND NOT EXISTS (SELECT FROM raw.text_sightings l WHERE l.run_id = t.run_id AND l.source_id = t.source_id)
ORDER BY t.place;
