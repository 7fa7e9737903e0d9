-- For an administrator, once, in the database of pkgintel, as the user that owns its tables, where `pkgintel migrate`
-- could not create the role. Before it, as whoever may: CREATE ROLE pkgintel_reader NOLOGIN;
GRANT USAGE ON SCHEMA raw, enriched TO pkgintel_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA raw, enriched TO pkgintel_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA raw, enriched GRANT SELECT ON TABLES TO pkgintel_reader;
