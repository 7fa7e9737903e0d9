-- The runs that came of some tasks: their own, the scans that continued them, what read leaves behind them, and the
-- classifications they triggered. A reading that found another one at work is none of them. The
-- error's type is the run's, else that of its first failed page, whose error begins with it ("UpstreamUnavailable: …").
WITH RECURSIVE own AS (
    SELECT id FROM ops.runs WHERE task_id = ANY (%(tasks)s::text[])
    UNION
    SELECT r.id FROM ops.runs r JOIN own ON r.root_id = own.id OR r.cause_id = own.id
)
SELECT r.id, r.source, r.action, r.state, r.task_id, r.cause_id, r.error, r.settled_at, r.more, r.pages_left, r.pages_total,
       r.leaves, r.rejected, r.knows, r.rest, (r.detail ->> 'round')::integer AS round, r.window_after, r.window_up_to,
       r.up_to_ticks IS NOT NULL AND r.state <> 'caught_up' AS read_something,
       coalesce(r.detail ->> 'error_type', (SELECT split_part(page.error, ': ', 1) FROM ops.run_pages page
                                            WHERE page.run_id = r.id AND page.state = 'failed'
                                            ORDER BY page.page_ticks, length(page.page_url), page.page_url LIMIT 1)) AS error_type
FROM ops.runs r JOIN own USING (id)
WHERE NOT (r.action = 'read' AND r.state = 'skipped')
ORDER BY r.id;
