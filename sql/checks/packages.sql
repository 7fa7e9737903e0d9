-- Packages stored, as far as one: the check needs no full count.
SELECT count(*)::float8 FROM (SELECT FROM raw.nuget_packages LIMIT 1) AS found;
