-- One look at a source: the sighting is added, and the source says how it stands and when it is asked again. Files of a
-- version and of a commit never change; an address is read again after 30 days, after 90 when it stood still twice; what is
-- missing after 7, 30, 90 days, what was refused after 90, trouble on the next day.
WITH sighting AS (
    INSERT INTO raw.text_sightings (source_id, run_id, outcome, status, asked_url, answered_url, etag, sha256, error)
    VALUES (%(source_id)s, %(run_id)s, %(outcome)s, %(status)s, %(asked)s, %(answered)s, %(etag)s, %(sha256)s, %(error)s)
    RETURNING seen_at
), same AS (
    SELECT CASE WHEN %(outcome)s = 'unchanged' OR (%(outcome)s = 'have' AND sha256 = %(sha256)s)
                  OR (%(outcome)s = state AND %(outcome)s <> 'have') THEN unchanged + 1 ELSE 0 END AS looks
    FROM raw.text_sources WHERE id = %(source_id)s
)
UPDATE raw.text_sources s SET
    state = CASE %(outcome)s WHEN 'unchanged' THEN 'have' ELSE %(outcome)s END,
    sha256 = coalesce(%(sha256)s, s.sha256),
    etag = CASE WHEN %(outcome)s = 'have' THEN %(etag)s ELSE s.etag END,
    unchanged = same.looks,
    read_at = CASE WHEN %(outcome)s = 'trouble' THEN s.read_at ELSE sighting.seen_at END,
    next_at = CASE
        WHEN %(outcome)s IN ('have', 'unchanged') AND s.kind <> 'address' THEN NULL
        WHEN %(outcome)s IN ('have', 'unchanged')
            THEN sighting.seen_at + CASE WHEN same.looks >= 2 THEN 90 ELSE 30 END * interval '1 day'
        WHEN %(outcome)s = 'missing'
            THEN sighting.seen_at + (ARRAY[7, 30, 90])[least(same.looks, 2) + 1] * interval '1 day'
        WHEN %(outcome)s = 'refused' THEN sighting.seen_at + interval '90 days'
        ELSE sighting.seen_at + interval '1 day' END
FROM sighting, same
WHERE s.id = %(source_id)s;
