-- Packages by verdict after each classification that changed something, oldest first; of the last %(most)s.
SELECT at, open_source, proprietary, unknown
FROM (SELECT id, finished_at AS at, (detail -> 'verdicts' ->> 'open_source')::bigint AS open_source,
             (detail -> 'verdicts' ->> 'proprietary')::bigint AS proprietary,
             (detail -> 'verdicts' ->> 'unknown')::bigint AS unknown
      FROM ops.runs WHERE source = 'verdicts' AND detail ? 'verdicts' AND finished_at IS NOT NULL
      ORDER BY id DESC LIMIT %(most)s) AS last
ORDER BY id;
