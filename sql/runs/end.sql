-- The run ends, once. The counts of a scan are sums over its pages, so no page counts twice. Where upkeep sees to what
-- follows, a lost run goes on at once: its last sign of life is its end (see to_go_on.sql).
UPDATE ops.runs r SET state = %(state)s, finished_at = now(), error = %(error)s,
    heartbeat_at = CASE WHEN %(taken_over)s THEN r.heartbeat_at ELSE now() END,
    settled_at = CASE WHEN %(settled)s THEN now() ELSE r.settled_at END,
    detail = r.detail || %(detail)s,
    pages_done = p.done, pages_failed = p.failed, leaves = p.leaves, rejected = p.rejected
FROM (SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'failed') AS failed,
             coalesce(sum(leaves), 0) AS leaves, coalesce(sum(rejected), 0) AS rejected
      FROM ops.run_pages WHERE run_id = %(id)s) AS p
WHERE r.id = %(id)s AND r.state = ANY (%(was)s);
