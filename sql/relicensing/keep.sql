-- Pairs that are new, in the order of their release.
INSERT INTO enriched.license_id_changes (package_key, package_id, from_version, to_version, from_verdict, to_verdict,
                                         from_rule, to_rule, from_ids, to_ids, from_declaration, to_declaration, sort_key,
                                         released_at)
SELECT package_key, package_id, from_version, to_version, from_verdict, to_verdict, from_rule, to_rule, from_ids, to_ids,
       from_declaration, to_declaration, sort_key, released_at
FROM pg_temp.relicensed r
WHERE NOT EXISTS (SELECT FROM enriched.license_id_changes c
                  WHERE c.package_key = r.package_key AND c.to_version = r.to_version)
ORDER BY released_at, package_key, sort_key;
