-- Pairs of the packages touched that are true no more.
DELETE FROM enriched.license_id_changes c
USING pg_temp.touched t
WHERE c.package_key = t.package_key
  AND NOT EXISTS (SELECT FROM pg_temp.relicensed r
                  WHERE r.package_key = c.package_key
                    AND (r.from_version, r.to_version, r.from_verdict, r.to_verdict, r.from_ids, r.to_ids)
                        = (c.from_version, c.to_version, c.from_verdict, c.to_verdict, c.from_ids, c.to_ids));
