-- For an administrator, once, in the database of pkgintel, as the user that owns its tables, where `pkgintel migrate`
-- could not create the role. Before it, as whoever may: CREATE ROLE pkgintel_reader NOLOGIN;
GRANT USAGE ON SCHEMA raw, enriched TO pkgintel_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA raw, enriched TO pkgintel_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA raw, enriched GRANT SELECT ON TABLES TO pkgintel_reader;
-- And for each role that logs in as a reader, for a role's settings are not inherited by those it is granted to:
--   GRANT pkgintel_reader TO somebody;
--   ALTER ROLE somebody CONNECTION LIMIT 20;
--   ALTER ROLE somebody SET statement_timeout = '10min';
--   ALTER ROLE somebody SET idle_in_transaction_session_timeout = '1min';
--   ALTER ROLE somebody SET lock_timeout = '10s';
