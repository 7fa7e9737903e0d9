-- What the gate of the texts let through last, and whether something newer waits; no row before the first time.
SELECT a.reader, a.list_version, a.sighting_id,
       (SELECT coalesce(max(id), 0) FROM raw.text_sightings) AS newest
FROM (SELECT 1) AS here LEFT JOIN enriched.texts_admitted a ON true;
