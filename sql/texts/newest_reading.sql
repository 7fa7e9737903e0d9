-- The reader and the list of the newest reading.
SELECT reader, list_version FROM enriched.license_readings ORDER BY read_at DESC LIMIT 1;
