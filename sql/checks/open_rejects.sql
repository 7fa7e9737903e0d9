-- Rejected leaves nobody has resolved; nothing where nothing is stored, so that an empty table is no good one.
SELECT CASE WHEN count(*) > 0 OR EXISTS (SELECT FROM raw.nuget_packages) THEN count(*)::float8 END
FROM ops.rejected_leaves WHERE resolved_at IS NULL;
