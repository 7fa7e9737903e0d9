-- What the fleet heard from upstream servers, by kind of answer; added to by the workers, read by the metrics.
CREATE TABLE ops.http_answers (
    kind    text PRIMARY KEY CHECK (kind <> ''),
    answers bigint NOT NULL DEFAULT 0 CHECK (answers >= 0)
);

-- Whoever uses the verdicts reads raw and enriched, and nothing else: GRANT pkgintel_reader TO somebody;
-- A role belongs to the whole server. Where the migrating user may not create one, nothing is lost: sql/operate/reader.sql
-- does the rest later.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pkgintel_reader') THEN
        BEGIN
            CREATE ROLE pkgintel_reader NOLOGIN;
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'the role pkgintel_reader may not be created by %; see sql/operate/reader.sql', current_user;
                RETURN;
            WHEN duplicate_object OR unique_violation THEN
                NULL;  -- Another database of this server was migrated in the same moment.
        END;
    END IF;
    GRANT USAGE ON SCHEMA raw, enriched TO pkgintel_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA raw, enriched TO pkgintel_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA raw, enriched GRANT SELECT ON TABLES TO pkgintel_reader;
END
$$;
