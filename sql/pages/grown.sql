-- Pages that held newer items than the window of the last finished scan.
SELECT p.page_url
FROM ops.run_pages p
JOIN ops.runs r ON r.id = p.run_id
WHERE r.id = (SELECT max(id) FROM ops.runs WHERE source = 'nuget' AND action = 'scan' AND state = 'done'
                                             AND up_to_ticks IS NOT NULL)
  AND p.newest_ticks > r.up_to_ticks;
