-- The runs that came of some tasks: their own, the scans that continued them, what read leaves behind them, and the
-- classifications they triggered. A reading that found another one at work is none of them. Behind a scan the work of others
-- is followed too, as not `own`, for verdicts wait for it: readings that decide who speaks (in progress, lost, or ended since
-- that scan began), and what has not come through its gate and the classifier.
-- The error's type is the run's, else that of its first failed page, whose error begins with it ("UpstreamUnavailable: …").
WITH RECURSIVE begun AS (
    SELECT min(started_at) AS at FROM ops.runs WHERE task_id = ANY (%(tasks)s::text[]) AND source = 'nuget' AND state <> 'skipped'
), reading AS (
    SELECT id, state, finished_at, rest, row_number() OVER (ORDER BY id DESC) = 1 AS newest
    FROM ops.runs WHERE source = 'nuget' AND action = 'read' AND state <> 'skipped'
    ORDER BY id DESC LIMIT 100
), followed AS (
    SELECT id, true AS own FROM ops.runs WHERE task_id = ANY (%(tasks)s::text[])
    UNION
    SELECT id, false FROM reading, begun
    WHERE NOT rest AND begun.at IS NOT NULL AND (state = 'running' OR finished_at >= begun.at OR (newest AND state = 'lost'))
    UNION
    SELECT id, false FROM ops.runs, begun
    WHERE begun.at IS NOT NULL AND source = 'nuget' AND settled_at IS NULL AND state IN ('done', 'caught_up')
    UNION
    SELECT r.id, followed.own FROM ops.runs r JOIN followed ON r.root_id = followed.id OR r.cause_id = followed.id
), mine AS (
    SELECT id, bool_or(own) AS own FROM followed GROUP BY id
)
SELECT r.id, mine.own, r.source, r.action, r.state, r.task_id, r.cause_id, r.error, r.settled_at, r.more, r.pages_left, r.pages_total,
       r.leaves, r.rejected, r.knows, r.rest, (r.detail ->> 'round')::integer AS round, r.window_after, r.window_up_to,
       r.up_to_ticks IS NOT NULL AND r.state <> 'caught_up' AS read_something,
       coalesce(r.detail ->> 'error_type', (SELECT split_part(page.error, ': ', 1) FROM ops.run_pages page
                                            WHERE page.run_id = r.id AND page.state = 'failed'
                                            ORDER BY page.page_ticks, length(page.page_url), page.page_url LIMIT 1)) AS error_type
FROM ops.runs r JOIN mine USING (id)
WHERE NOT (r.action = 'read' AND r.state = 'skipped')
ORDER BY r.id;
