-- Of the texts that the readings in force decide, the share that the newest ones read otherwise, unless an operator accepted
-- these.
SELECT coalesce(avg((new.meaning <> old.meaning)::integer), 0)::float8
FROM enriched.texts_admitted a
CROSS JOIN (SELECT reader, list_version FROM enriched.license_readings ORDER BY read_at DESC LIMIT 1) AS newest
JOIN enriched.license_readings old ON old.reader = a.reader AND old.list_version = a.list_version
JOIN enriched.license_readings new
    ON new.sha256 = old.sha256 AND new.reader = newest.reader AND new.list_version = newest.list_version
WHERE old.meaning <> 'undecided'
  AND NOT EXISTS (SELECT FROM ops.accepted_texts t
                  WHERE t.what = 'reader ' || newest.reader || ', list ' || newest.list_version);
