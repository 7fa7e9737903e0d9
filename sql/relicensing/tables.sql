-- What one classification finds out about licenses between versions.
CREATE TEMPORARY TABLE moved (declaration uuid PRIMARY KEY) ON COMMIT DROP;
CREATE TEMPORARY TABLE touched (package_key text COLLATE "C" PRIMARY KEY) ON COMMIT DROP;
CREATE TEMPORARY TABLE varied (package_key text COLLATE "C" PRIMARY KEY) ON COMMIT DROP;
CREATE TEMPORARY TABLE relicensed (LIKE enriched.license_id_changes) ON COMMIT DROP;
ALTER TABLE pg_temp.relicensed DROP COLUMN id, DROP COLUMN found_at;
