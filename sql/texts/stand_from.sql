-- While only one text was ever seen at an address, it stands for the versions that spoke when it was read: since the oldest
-- of them was created.
UPDATE raw.text_sources s SET stands_from = first.created
FROM (SELECT m.source_id, min(p.created) AS created
      FROM raw.nuget_packages p
      JOIN raw.declaration_texts m ON m.declaration = p.declaration AND m.source_id IS NOT NULL
      GROUP BY m.source_id) AS first
WHERE s.id = first.source_id AND s.kind = 'address' AND first.created < coalesce(s.stands_from, 'infinity')
  AND (SELECT count(DISTINCT l.sha256) FROM raw.text_sightings l
       WHERE l.source_id = s.id AND l.sha256 IS NOT NULL AND l.id <= %(sighting_id)s) = 1;
