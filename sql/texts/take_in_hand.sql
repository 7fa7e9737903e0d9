-- Of each source what stood there when, as far as the gate let it through: looks in a row that saw one text are a span. Of a
-- source where no text was ever seen, how the last look ended. Packages that speak by what is another now are marked, so
-- that the classifier looks at them.
WITH looks AS (
    SELECT l.source_id, l.id, l.seen_at, l.sha256, l.asked_url, l.answered_url,
           lag(l.sha256) OVER (PARTITION BY l.source_id ORDER BY l.id) AS before
    FROM raw.text_sightings l
    WHERE l.sha256 IS NOT NULL AND l.id <= %(sighting_id)s
), numbered AS (
    SELECT looks.*, count(*) FILTER (WHERE sha256 IS DISTINCT FROM before) OVER (PARTITION BY source_id ORDER BY id) AS span
    FROM looks
), spans AS (
    SELECT source_id, span, min(sha256) AS sha256, min(seen_at) AS first_read, max(seen_at) AS last_read,
           (array_agg(asked_url ORDER BY id DESC))[1] AS asked, (array_agg(answered_url ORDER BY id DESC))[1] AS answered
    FROM numbered GROUP BY source_id, span
), seen AS (
    SELECT s.source_id,
           jsonb_agg(jsonb_build_object(
               'sha256', s.sha256, 'first_read', s.first_read, 'last_read', s.last_read, 'asked', s.asked,
               'answered', s.answered,
               'reading', jsonb_build_object(
                   'status', r.status, 'licenses', to_jsonb(r.licenses), 'expression', r.expression, 'method', r.method,
                   'similarity', r.similarity, 'differences', r.differences, 'closed', r.closed, 'encoding', r.encoding,
                   'why', r.why)) ORDER BY s.span) AS spans
    FROM spans s
    JOIN enriched.license_readings r
        ON r.sha256 = s.sha256 AND r.reader = %(reader)s AND r.list_version = %(list_version)s
    GROUP BY s.source_id
), ended AS (
    SELECT DISTINCT ON (source_id) source_id,
           jsonb_build_object('outcome', outcome, 'at', seen_at, 'asked', asked_url, 'error', error) AS last
    FROM raw.text_sightings
    WHERE outcome IN ('missing', 'refused') AND id <= %(sighting_id)s
    ORDER BY source_id, id DESC
), found AS (
    SELECT s.id, s.package_key, s.version_key, s.version,
           jsonb_build_object('kind', s.kind, 'reader', %(reader)s::text, 'stands_from', s.stands_from,
                              'spans', coalesce(seen.spans, '[]'),
                              'ended', CASE WHEN seen.spans IS NULL THEN ended.last END) AS hand
    FROM raw.text_sources s
    LEFT JOIN seen ON seen.source_id = s.id
    LEFT JOIN ended ON ended.source_id = s.id
    WHERE seen.spans IS NOT NULL OR ended.last IS NOT NULL
), taken AS (
    INSERT INTO enriched.texts_at_hand AS h (source_id, package_key, version_key, version, hand, hand_key)
    SELECT id, package_key, version_key, version, hand, md5(hand::text) FROM found
    ON CONFLICT (source_id) DO UPDATE SET hand = excluded.hand, hand_key = excluded.hand_key
    WHERE h.hand_key <> excluded.hand_key
    RETURNING h.source_id, h.package_key, h.version
), packages AS (
    UPDATE raw.nuget_packages p SET changed_xid = pg_current_xact_id()
    WHERE p.declaration IN (SELECT m.declaration FROM raw.declaration_texts m JOIN taken USING (source_id))
       OR (p.package_key, p.latest_version) IN (SELECT package_key, version FROM taken WHERE package_key IS NOT NULL)
    RETURNING 1
)
SELECT (SELECT count(*) FROM taken) AS sources, (SELECT count(*) FROM packages) AS packages;
