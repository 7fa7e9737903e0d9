-- Stored texts that this version of the reader has not read with this list, a few at a time: those behind `after` alone, so
-- that nobody looks again at all that was read before.
SELECT t.sha256, t.bytes
FROM raw.license_texts t
WHERE t.sha256 > %(after)s
  AND NOT EXISTS (SELECT FROM enriched.license_readings r
                  WHERE r.sha256 = t.sha256 AND r.reader = %(reader)s AND r.list_version = %(list_version)s)
ORDER BY t.sha256
LIMIT %(most)s;
