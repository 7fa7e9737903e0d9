-- Of these rejected leaves, those whose version is stored from a newer one: what they say counts no more. Newer details
-- supersede details; they supersede a delete too, as does a newer delete. A newer delete alone supersedes no details, for
-- a deleted version keeps what was last known of it.
UPDATE ops.rejected_leaves r SET resolved_at = now(), resolution = 'superseded', why = 'stored from ' || v.leaf_url
FROM unnest(%(urls)s::text[], %(package_keys)s::text[], %(version_keys)s::text[])
     AS open (leaf_url, package_key, version_key)
JOIN raw.read_versions v USING (package_key, version_key)
WHERE r.leaf_url = open.leaf_url AND r.resolved_at IS NULL
  AND CASE WHEN r.kind = 'details' THEN (v.details_ticks, v.details_url) > (r.commit_ticks, r.leaf_url)
           ELSE v.details_ticks > r.commit_ticks OR (v.delete_ticks, v.delete_url) > (r.commit_ticks, r.leaf_url) END;
