-- What the run is going to read.
UPDATE ops.runs SET after_ticks = %(after)s, floor_ticks = %(floor)s, up_to_ticks = %(up_to)s, newest_ticks = %(newest)s,
    more = %(more)s, catalog = %(catalog)s, pages_total = %(pages_total)s,
    pages_left = %(pages_left)s, knows = %(knows)s, rest = %(rest)s, root_id = coalesce(root_id, id),
    heartbeat_at = now(), retry_since = NULL, retry_noted = NULL, retry_at = NULL, retry_because = NULL
WHERE id = %(id)s AND state = 'running';
