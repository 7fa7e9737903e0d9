-- Pages of this run that are done already: a scan that ended badly, while the watermark stood where it stands, had read
-- them, and the index knows of nothing newer. A page with rejected leaves is read again, for the gate counts them by run.
UPDATE ops.run_pages mine SET state = 'done', items = theirs.items, wanted = 0, newest_ticks = theirs.newest_ticks,
    finished_at = now()
FROM ops.run_pages theirs JOIN ops.runs r ON r.id = theirs.run_id
WHERE mine.run_id = %(run_id)s AND mine.state = 'pending'
  AND theirs.page_url = mine.page_url AND theirs.page_ticks = mine.page_ticks
  AND theirs.state = 'done' AND theirs.rejected = 0 AND theirs.newest_ticks <= r.up_to_ticks
  AND r.source = 'nuget' AND r.action = 'scan' AND r.state IN ('failed', 'lost', 'aborted')
  AND r.after_ticks = %(after)s AND r.floor_ticks = %(floor)s
  AND r.id > coalesce((SELECT max(id) FROM ops.runs WHERE source = 'nuget' AND action = 'scan' AND state = 'done'
                                                     AND up_to_ticks IS NOT NULL), 0);
