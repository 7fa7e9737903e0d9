-- The last run that knows where the catalog is.
SELECT id FROM ops.runs WHERE source = 'nuget' AND catalog IS NOT NULL ORDER BY id DESC LIMIT 1;
