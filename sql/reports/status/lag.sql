-- From where and up to where the catalog is stored, whether any leaf is, and the newest commit that the last look at its index found.
SELECT w.watermark, w.moved_at, raw.at(w.origin_ticks) AS origin,
       EXISTS (SELECT FROM raw.read_versions WHERE details_ticks IS NOT NULL) AS leaves_stored, look.looked_at, raw.at(look.newest_ticks) AS newest,
       CASE WHEN look.newest_ticks > w.watermark_ticks THEN (look.newest_ticks - w.watermark_ticks) / 1e7::float8
            WHEN look.newest_ticks IS NOT NULL AND w.watermark_ticks IS NOT NULL THEN 0 END AS lag_seconds
FROM (SELECT 1) AS here
LEFT JOIN ops.watermarks w ON w.source = 'nuget'
LEFT JOIN LATERAL (SELECT started_at AS looked_at,
                          CASE WHEN state = 'caught_up' THEN w.watermark_ticks ELSE newest_ticks END AS newest_ticks
                   FROM ops.runs
                   WHERE source = 'nuget' AND action = 'scan' AND (state = 'caught_up' OR newest_ticks IS NOT NULL)
                   ORDER BY id DESC LIMIT 1) AS look ON true;
