-- Where a package was given other licenses: pairs of neighbouring versions, in the order of the versions, whose license ids
-- or verdicts differ. Kept by the classifier, so that a reader can go on from the last change it saw; a pair that is true
-- no more (a version came between, was deleted, or is judged otherwise now) goes.
CREATE TABLE enriched.license_id_changes (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_key      text COLLATE "C" NOT NULL,
    package_id       text NOT NULL,
    from_version     text NOT NULL,
    to_version       text NOT NULL,
    from_verdict     text NOT NULL,
    to_verdict       text NOT NULL,
    from_rule        text NOT NULL,
    to_rule          text NOT NULL,
    from_ids         text[] NOT NULL,
    to_ids           text[] NOT NULL,
    from_declaration jsonb NOT NULL,
    to_declaration   jsonb NOT NULL,
    sort_key         bytea NOT NULL,        -- of to_version
    released_at      timestamptz NOT NULL,  -- of to_version
    found_at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (package_key, to_version),
    CONSTRAINT something_changed CHECK (from_verdict <> to_verdict OR from_ids <> to_ids)
);
CREATE INDEX license_id_changes_released ON enriched.license_id_changes (released_at DESC);
CREATE INDEX verdict_changes_time ON enriched.verdict_changes (changed_at DESC);

-- How far the classifier looked for such pairs.
ALTER TABLE enriched.classification ADD COLUMN changes_seen xid8 NOT NULL DEFAULT '0';

-- Where a package is not open and an earlier version was: the highest open version before, its ids, and the version since
-- which it is different.
ALTER TABLE enriched.nuget_package_oss_status
    ADD COLUMN last_open_version text,
    ADD COLUMN last_open_ids text[],
    ADD COLUMN different_since text;

-- The few declarations that have more than one era.
CREATE INDEX declaration_verdicts_dated ON enriched.declaration_verdicts (declaration) WHERE created_from > '-infinity';
