-- Which migrations this database has.
CREATE TABLE IF NOT EXISTS public.pkgintel_migrations (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    hash       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
