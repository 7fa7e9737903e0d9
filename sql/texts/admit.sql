-- The gate let through all sightings up to this one, as this reader read them.
INSERT INTO enriched.texts_admitted (reader, list_version, sighting_id)
VALUES (%(reader)s, %(list_version)s, %(sighting_id)s)
ON CONFLICT (one) DO UPDATE SET reader = excluded.reader, list_version = excluded.list_version,
    sighting_id = excluded.sighting_id, admitted_at = now();
