-- A leaf that could not be fetched or read, kept once per address with its body for a person and for a replay.
INSERT INTO ops.rejected_leaves AS r
    (leaf_url, package_id, version, kind, commit_ticks, page_url, reason, error, body, run_id)
VALUES (%(leaf_url)s, %(package_id)s, %(version)s, %(kind)s, %(commit_ticks)s, %(page_url)s, %(reason)s, %(error)s,
        %(body)s, %(run_id)s)
ON CONFLICT (leaf_url) DO UPDATE SET
    reason = excluded.reason, error = excluded.error, body = excluded.body, run_id = excluded.run_id,
    attempts = r.attempts + 1, last_seen = now(), resolved_at = NULL, resolution = NULL, why = NULL;
