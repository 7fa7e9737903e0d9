-- Turns are taken on rows of ours: an advisory lock may be taken by anybody who can connect.
CREATE TABLE ops.locks (
    name text PRIMARY KEY
);
INSERT INTO ops.locks (name) VALUES ('classify');

-- Whoever only reads gets no temporary tables, and whoever writes events keeps them: a page is laid down in one first.
DO $$
DECLARE
    writer record;
BEGIN
    FOR writer IN
        SELECT rolname FROM pg_roles
        WHERE rolname !~ '^pg_' AND (rolname = current_user OR has_table_privilege(oid, 'raw.nuget_versions', 'INSERT'))
    LOOP
        EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), writer.rolname);
    END LOOP;
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END
$$;

-- A reader that forgets its transaction lets go again. Only who logs in as the role itself gets these: sql/operate/reader.sql.
DO $$
DECLARE
    setting text;
BEGIN
    FOREACH setting IN ARRAY ARRAY[
        'statement_timeout = ''10min''', 'idle_in_transaction_session_timeout = ''1min''', 'lock_timeout = ''10s'''
    ] LOOP
        EXECUTE format('ALTER ROLE pkgintel_reader IN DATABASE %I SET ', current_database()) || setting;
    END LOOP;
EXCEPTION
    WHEN insufficient_privilege OR undefined_object THEN
        RAISE NOTICE 'the role pkgintel_reader may not be changed by %; see sql/operate/reader.sql', current_user;
END
$$;
