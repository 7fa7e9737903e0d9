-- License texts: kept once each by what they are, read from sources that packages point at, and never changed. What a
-- text is found to be is made from its bytes, so all of it but the bytes and the sightings can be made again.

CREATE TABLE raw.license_texts (
    sha256     text COLLATE "C" PRIMARY KEY,
    bytes      bytea NOT NULL CHECK (octet_length(bytes) <= 1000000),
    media_type text,
    first_seen timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT named_by_content CHECK (sha256 = encode(sha256(bytes), 'hex'))
);

-- Where a text can be read: a file inside one version of a package, or the address of a file on a code host, which is
-- pinned where it names a commit. `state` is how the last look ended, `next_at` when the next one is due.
CREATE TABLE raw.text_sources (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('embedded', 'pinned', 'address')),
    host         text NOT NULL CHECK (host <> ''),
    owner        text NOT NULL CHECK (owner <> ''),
    url          text COLLATE "C" UNIQUE,
    package_key  text COLLATE "C",
    version_key  text COLLATE "C",
    version      text,
    state        text NOT NULL DEFAULT 'unread' CHECK (state IN ('unread', 'have', 'missing', 'refused', 'trouble')),
    sha256       text COLLATE "C" REFERENCES raw.license_texts,
    etag         text,
    unchanged    integer NOT NULL DEFAULT 0,  -- looks in a row that found what the one before had found
    read_at      timestamptz,
    next_at      timestamptz DEFAULT now(),   -- NULL: never again, for what is there cannot change
    stands_from  timestamptz,                 -- since when the first text that was seen is taken to have stood there
    UNIQUE (package_key, version_key),
    CONSTRAINT one_place CHECK ((kind = 'embedded') = (url IS NULL)
                            AND (kind = 'embedded') = (package_key IS NOT NULL AND version_key IS NOT NULL
                                                       AND version IS NOT NULL))
);
CREATE INDEX text_sources_due ON raw.text_sources (next_at) WHERE next_at IS NOT NULL;

-- Which address a declaration points at; without one where it points at no file that may be asked for.
CREATE TABLE raw.declaration_texts (
    declaration uuid PRIMARY KEY,
    source_id   bigint REFERENCES raw.text_sources
);
CREATE INDEX declaration_texts_source ON raw.declaration_texts (source_id) WHERE source_id IS NOT NULL;

-- Every look at a source, in order: what was asked and answered, and which bytes stood there. Rows are only ever added.
CREATE TABLE raw.text_sightings (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id    bigint NOT NULL REFERENCES raw.text_sources,
    run_id       bigint,
    seen_at      timestamptz NOT NULL DEFAULT now(),
    outcome      text NOT NULL CHECK (outcome IN ('have', 'unchanged', 'missing', 'refused', 'trouble')),
    status       integer,
    asked_url    text NOT NULL,
    answered_url text,
    etag         text,
    sha256       text COLLATE "C" REFERENCES raw.license_texts,
    error        text,
    CONSTRAINT text_or_reason CHECK ((outcome IN ('have', 'unchanged')) = (sha256 IS NOT NULL))
);
CREATE INDEX text_sightings_source ON raw.text_sightings (source_id, id);
CREATE INDEX text_sightings_run ON raw.text_sightings (run_id);
CREATE INDEX text_sightings_time ON raw.text_sightings (seen_at);

-- What the reader made of a text: one row for each version of the reader and of the license list.
CREATE TABLE enriched.license_readings (
    sha256       text COLLATE "C" NOT NULL REFERENCES raw.license_texts,
    reader       text NOT NULL,
    list_version text NOT NULL,
    status       text NOT NULL CHECK (status IN ('matched', 'differs', 'none', 'not-text', 'too-long', 'too-hard')),
    licenses     text[] NOT NULL,
    expression   text NOT NULL,
    method       text NOT NULL,
    similarity   double precision NOT NULL,
    differences  jsonb NOT NULL,
    closed       boolean NOT NULL,
    encoding     text NOT NULL,
    why          text NOT NULL,
    meaning      text NOT NULL CHECK (meaning IN ('open', 'closed', 'undecided')),  -- by the policy in force then
    read_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sha256, reader, list_version)
);

-- What the gate of the texts let through last: sightings up to this one, read by this reader with this list. One row.
CREATE TABLE enriched.texts_admitted (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    reader       text NOT NULL,
    list_version text NOT NULL,
    sighting_id  bigint NOT NULL,
    admitted_at  timestamptz NOT NULL DEFAULT now()
);

-- The texts that the classifier has in hand: of each source what stood there when, and what it was read as. A version's
-- own file is found by its package and version, an address by the declarations that point at it.
CREATE TABLE enriched.texts_at_hand (
    source_id   bigint PRIMARY KEY,
    package_key text COLLATE "C",
    version_key text COLLATE "C",
    version     text,
    hand        jsonb NOT NULL,
    hand_key    text NOT NULL,
    UNIQUE (package_key, version_key)
);

-- Hosts that asked for quiet.
CREATE TABLE ops.text_hosts (
    host         text PRIMARY KEY,
    paused_until timestamptz NOT NULL,
    why          text NOT NULL
);

-- Which sources a run asks for, by the host that is a page of the run.
CREATE TABLE ops.run_texts (
    run_id    bigint NOT NULL REFERENCES ops.runs ON DELETE CASCADE,
    page_url  text NOT NULL,
    source_id bigint NOT NULL,
    place     integer NOT NULL,
    PRIMARY KEY (run_id, source_id)
);

-- What an operator let through the gate of the texts: a text under many owners, or the outcome of a new reader.
CREATE TABLE ops.accepted_texts (
    what        text PRIMARY KEY,
    why         text NOT NULL CHECK (why <> ''),
    accepted_by text NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE ops.runs
    DROP CONSTRAINT runs_source_check,
    ADD CONSTRAINT runs_source_check CHECK (source IN ('nuget', 'spdx', 'verdicts', 'texts')),
    DROP CONSTRAINT runs_action_check,
    ADD CONSTRAINT runs_action_check CHECK (action IN ('scan', 'sync', 'classify', 'replay', 'fetch'));
DROP INDEX ops.runs_one_running;
CREATE UNIQUE INDEX runs_one_running ON ops.runs (source)
    WHERE state = 'running' AND action IN ('scan', 'sync', 'fetch');
ALTER TABLE ops.run_pages
    DROP CONSTRAINT run_pages_kind_check,
    ADD CONSTRAINT run_pages_kind_check CHECK (kind IN ('catalog', 'package', 'rejected', 'texts'));
INSERT INTO ops.schedules (name) VALUES ('texts');

-- A verdict follows from a declaration, a date and the text at hand. `text_source` is that of a version's own file, and 0
-- where the declaration alone says what is read; `hand_key` names the text at hand that the verdict was made from.
ALTER TABLE enriched.declaration_verdicts
    ADD COLUMN text_source bigint NOT NULL DEFAULT 0,
    ADD COLUMN hand_key text NOT NULL DEFAULT '',
    DROP CONSTRAINT declaration_verdicts_pkey,
    ADD PRIMARY KEY (declaration, text_source, created_from);

CREATE OR REPLACE VIEW enriched.version_verdicts AS
SELECT v.package_key, v.version_key, v.package_id, v.version, v.sort_key, v.listed, v.is_prerelease,
       coalesce(v.created, CASE WHEN v.published >= '1901-01-01Z' THEN v.published END, v.commit_timestamp)
           AS released_at,
       d.verdict, d.rule,
       jsonb_strip_nulls(jsonb_build_object('license_expression', v.license_expression,
                                            'license_file', v.license_file,
                                            'license_url', v.license_url)) AS declaration,
       d.spdx_ids
FROM raw.nuget_versions v
LEFT JOIN enriched.texts_at_hand h ON h.package_key = v.package_key AND h.version_key = v.version_key
JOIN enriched.declaration_verdicts d
    ON d.declaration = v.declaration AND d.text_source = coalesce(h.source_id, 0)
       AND enriched.in_era(v.created, d.created_from, d.created_until)
WHERE v.deleted_at IS NULL;

-- A text that changed is recorded with both digests, whatever becomes of the verdict.
ALTER TABLE enriched.verdict_changes
    ADD COLUMN from_text text,
    ADD COLUMN to_text text,
    DROP CONSTRAINT something_changed,
    ADD CONSTRAINT something_changed CHECK (from_verdict IS DISTINCT FROM to_verdict OR (from_text <> to_text) IS TRUE),
    DROP CONSTRAINT verdict_changes_cause_check,
    ADD CONSTRAINT verdict_changes_cause_check CHECK (
        cause IN ('declaration', 'license-list', 'ruleset', 'policy', 'facts', 'created', 'text', 'deleted', 'restored'));
CREATE INDEX verdict_changes_text ON enriched.verdict_changes (changed_at) WHERE cause = 'text';
