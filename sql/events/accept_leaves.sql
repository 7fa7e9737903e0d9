-- An operator accepts that these leaves cannot be fetched.
UPDATE ops.rejected_leaves SET resolved_at = now(), resolution = 'accepted', why = %(why)s
WHERE resolved_at IS NULL
RETURNING leaf_url;
