-- For an administrator, in the database of pkgintel, before `pkgintel migrate`, as often as one likes: three roles, so that no
-- process can do more than it has to. pkgintel_owner owns the schema and migrates, pkgintel_app reads and writes rows,
-- pkgintel_reader reads verdicts. What an earlier release made as somebody else becomes the owner's.
--
--   SELECT set_config('pkgintel.owner_password', '…', false), set_config('pkgintel.app_password', '…', false);
--   \i sql/operate/roles.sql
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT name FROM unnest(ARRAY['pkgintel_owner', 'pkgintel_app', 'pkgintel_reader']) AS name
        WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
    LOOP
        EXECUTE format('CREATE ROLE %I', one.name);
    END LOOP;
    EXECUTE format('ALTER ROLE pkgintel_owner LOGIN PASSWORD %L', current_setting('pkgintel.owner_password'));
    EXECUTE format('ALTER ROLE pkgintel_app LOGIN PASSWORD %L', current_setting('pkgintel.app_password'));
    EXECUTE format('ALTER DATABASE %I OWNER TO pkgintel_owner', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO pkgintel_app', current_database());
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());

    FOR one IN
        SELECT nspname FROM pg_namespace WHERE nspname IN ('raw', 'enriched', 'ops')
    LOOP
        EXECUTE format('ALTER SCHEMA %I OWNER TO pkgintel_owner', one.nspname);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO pkgintel_app', one.nspname);
    END LOOP;
    FOR one IN
        SELECT c.oid::regclass AS name, c.relkind FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE (n.nspname IN ('raw', 'enriched', 'ops') OR c.oid = to_regclass('public.pkgintel_migrations'))
          AND c.relkind IN ('r', 'p', 'v', 'm')
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO pkgintel_owner', one.name);  -- Its sequences go with it.
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO pkgintel_app', one.name);
    END LOOP;
    FOR one IN
        SELECT c.oid::regclass AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('raw', 'enriched', 'ops') AND c.relkind = 'S'
    LOOP
        EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO pkgintel_app', one.name);
    END LOOP;
    FOR one IN
        SELECT p.oid::regprocedure AS name FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('raw', 'enriched', 'ops')
    LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO pkgintel_owner', one.name);
    END LOOP;
END
$$;

-- What migrations will make belongs to the app as far as it needs it.
ALTER DEFAULT PRIVILEGES FOR ROLE pkgintel_owner GRANT USAGE ON SCHEMAS TO pkgintel_app;
ALTER DEFAULT PRIVILEGES FOR ROLE pkgintel_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO pkgintel_app;
ALTER DEFAULT PRIVILEGES FOR ROLE pkgintel_owner GRANT USAGE, SELECT ON SEQUENCES TO pkgintel_app;

ALTER ROLE pkgintel_reader SET statement_timeout = '10min';
ALTER ROLE pkgintel_reader SET idle_in_transaction_session_timeout = '1min';
ALTER ROLE pkgintel_reader SET lock_timeout = '10s';
