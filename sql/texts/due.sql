-- Sources to ask now, the most wanted first: how many packages speak by each. What was read is asked for again when its
-- time has come, and when a version speaks that was created since.
WITH wanted AS (
    SELECT m.source_id, count(*) AS packages, max(p.created) AS newest
    FROM raw.nuget_packages p
    JOIN raw.declaration_texts m ON m.declaration = p.declaration AND m.source_id IS NOT NULL
    GROUP BY m.source_id
    UNION ALL
    SELECT s.id, 1, NULL
    FROM raw.text_sources s
    JOIN raw.nuget_packages p ON p.package_key = s.package_key AND p.latest_version = s.version
    WHERE s.kind = 'embedded'
)
SELECT s.id, s.host
FROM raw.text_sources s
JOIN wanted w ON w.source_id = s.id
LEFT JOIN ops.text_hosts h ON h.host = s.host
WHERE (s.next_at <= now()
       OR (s.kind = 'address' AND s.state = 'have' AND w.newest > s.read_at AND s.read_at < now() - interval '1 day'))
  AND coalesce(h.paused_until <= now(), true)
ORDER BY w.packages DESC, s.id
LIMIT %(most)s;
