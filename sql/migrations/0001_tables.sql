-- Three schemas: raw (what upstream said), enriched (what we concluded), ops (what we did).
-- Everything in enriched can be dropped and made again from raw.

CREATE SCHEMA raw;
CREATE SCHEMA enriched;
CREATE SCHEMA ops;

-- A tick is 100 ns since 1970, UTC: the catalog's seven digits. Timestamps are derived from ticks, the seventh digit cut.
-- Adding microseconds depends on no time zone, so it may be declared immutable.
CREATE FUNCTION raw.at(ticks bigint) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN timestamptz 'epoch' + ((ticks - (ticks % 10 + 10) % 10) / 10) * interval '1 microsecond';

-- One name for one declaration (expression, file, URL), so that each distinct one is judged once.
CREATE FUNCTION raw.declaration(expression text, file text, url text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN md5(coalesce('e' || length(expression) || ':' || expression, '') || '|'
            || coalesce('f' || length(file) || ':' || file, '') || '|'
            || coalesce('u' || length(url) || ':' || url, ''))::uuid;

-- One row per version. The newest details and the newest delete are kept apart, so events may arrive in any order;
-- all that follows from the two is generated. At equal ticks a delete wins over details, and the greater address over
-- the lesser.
CREATE TABLE raw.nuget_versions (
    package_key        text COLLATE "C" NOT NULL CHECK (package_key <> ''),
    version_key        text COLLATE "C" NOT NULL CHECK (version_key <> ''),
    package_id         text NOT NULL CHECK (package_id <> ''),
    version            text NOT NULL CHECK (version <> ''),
    license_expression text CHECK (license_expression <> ''),
    license_file       text CHECK (license_file <> ''),
    license_url        text CHECK (license_url <> ''),
    project_url        text,
    listed             boolean,
    is_prerelease      boolean NOT NULL,
    created            timestamptz,
    published          timestamptz,
    deprecated         boolean NOT NULL DEFAULT false,
    sort_key           bytea NOT NULL CHECK (octet_length(sort_key) >= 17),
    details_ticks      bigint,
    details_url        text COLLATE "C",
    delete_ticks       bigint,
    delete_url         text COLLATE "C",
    raw                jsonb NOT NULL CHECK (jsonb_typeof(raw) = 'object'),
    raw_bytes          bytea,  -- the leaf as received, where JSONB cannot hold it as it is
    deleted_at         timestamptz GENERATED ALWAYS AS (
        CASE WHEN delete_ticks >= coalesce(details_ticks, delete_ticks) THEN raw.at(delete_ticks) END) STORED,
    commit_ticks       bigint NOT NULL GENERATED ALWAYS AS (greatest(details_ticks, delete_ticks)) STORED,
    commit_timestamp   timestamptz NOT NULL GENERATED ALWAYS AS (raw.at(greatest(details_ticks, delete_ticks))) STORED,
    leaf_url           text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
        CASE WHEN delete_ticks >= coalesce(details_ticks, delete_ticks) THEN delete_url ELSE details_url END) STORED,
    declaration        uuid GENERATED ALWAYS AS (
        CASE WHEN details_ticks IS NOT NULL
             THEN raw.declaration(license_expression, license_file, license_url) END) STORED,
    PRIMARY KEY (package_key, version_key),
    CONSTRAINT details_have_address CHECK ((details_ticks IS NULL) = (details_url IS NULL)),
    CONSTRAINT delete_has_address CHECK ((delete_ticks IS NULL) = (delete_url IS NULL)),
    CONSTRAINT details_say_listed CHECK (details_ticks IS NULL OR listed IS NOT NULL)
);

-- The version that speaks for a package is the first of this index.
CREATE INDEX nuget_versions_speaking ON raw.nuget_versions
    (package_key, listed DESC, is_prerelease, sort_key DESC, version_key DESC) WHERE deleted_at IS NULL;
CREATE INDEX nuget_versions_commit ON raw.nuget_versions (commit_ticks);

CREATE TABLE raw.nuget_packages (
    package_key        text COLLATE "C" PRIMARY KEY CHECK (package_key <> ''),
    package_id         text NOT NULL CHECK (package_id <> ''),
    latest_version     text,
    license_expression text,
    license_url        text,
    license_file       text,
    project_url        text,
    state              text NOT NULL CHECK (state IN ('listed', 'unlisted', 'deleted')),
    commit_ticks       bigint NOT NULL,
    commit_timestamp   timestamptz NOT NULL GENERATED ALWAYS AS (raw.at(commit_ticks)) STORED,
    raw                jsonb,
    declaration        uuid,
    -- The transaction that last changed this row: lets the classifier look only at what changed since it last looked.
    changed_xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT deleted_has_no_version CHECK ((state = 'deleted') = (latest_version IS NULL)),
    CONSTRAINT declaration_is_of_a_version CHECK ((latest_version IS NULL) = (declaration IS NULL))
);
CREATE INDEX nuget_packages_changed ON raw.nuget_packages (changed_xid);

-- Each distinct declaration of any version.
CREATE TABLE raw.license_declarations (
    declaration        uuid PRIMARY KEY,
    license_expression text,
    license_file       text,
    license_url        text,
    CONSTRAINT named_by_content CHECK (declaration = raw.declaration(license_expression, license_file, license_url))
);

CREATE TABLE raw.spdx_licenses (
    license_id      text PRIMARY KEY CHECK (license_id <> ''),
    name            text NOT NULL,
    is_osi_approved boolean NOT NULL,
    is_fsf_libre    boolean,
    is_deprecated   boolean NOT NULL,
    see_also        text[] NOT NULL DEFAULT '{}',
    list_version    text NOT NULL CHECK (list_version <> ''),
    raw             jsonb NOT NULL
);
-- Ids are matched without case, so two that differ in case only would be one.
CREATE UNIQUE INDEX spdx_licenses_without_case ON raw.spdx_licenses (lower(license_id));

CREATE TABLE raw.spdx_exceptions (
    exception_id  text PRIMARY KEY CHECK (exception_id <> ''),
    name          text NOT NULL,
    is_deprecated boolean NOT NULL,
    list_version  text NOT NULL CHECK (list_version <> ''),
    raw           jsonb NOT NULL
);
CREATE UNIQUE INDEX spdx_exceptions_without_case ON raw.spdx_exceptions (lower(exception_id));

-- The verdict on each distinct declaration, with what it was made from.
CREATE TABLE enriched.declaration_verdicts (
    declaration       uuid PRIMARY KEY,
    verdict           text NOT NULL CHECK (verdict IN ('open_source', 'proprietary', 'unknown')),
    rule              text NOT NULL CHECK (rule <> ''),
    reason            text NOT NULL CHECK (reason <> ''),
    evidence          jsonb NOT NULL,
    spdx_ids          text[] NOT NULL DEFAULT '{}',
    basis             text NOT NULL
);
CREATE INDEX declaration_verdicts_basis ON enriched.declaration_verdicts (basis);

CREATE TABLE enriched.nuget_package_oss_status (
    package_key             text COLLATE "C" PRIMARY KEY,
    package_id              text NOT NULL,
    verdict                 text NOT NULL CHECK (verdict IN ('open_source', 'proprietary', 'unknown')),
    rule                    text NOT NULL CHECK (rule <> ''),
    reason                  text NOT NULL CHECK (reason <> ''),
    evidence                jsonb NOT NULL,
    spdx_ids                text[] NOT NULL DEFAULT '{}',
    judged_version          text NOT NULL,
    license_expression      text,
    license_url             text,
    license_file            text,
    spdx_list_version       text NOT NULL,
    ruleset                 integer NOT NULL CHECK (ruleset > 0),
    policy                  text NOT NULL,
    declaration             uuid NOT NULL,
    source_commit_timestamp timestamptz NOT NULL,
    classified_at           timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 85);  -- Room on the page: a verdict that is made again in place touches no index.
CREATE INDEX oss_status_verdict ON enriched.nuget_package_oss_status (verdict, rule);

CREATE TABLE enriched.verdict_changes (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_key    text COLLATE "C" NOT NULL,
    package_id     text NOT NULL,
    from_verdict   text,
    to_verdict     text,
    from_rule      text,
    to_rule        text,
    from_reason    text,
    to_reason      text,
    from_version   text,
    to_version     text,
    cause          text NOT NULL CHECK (cause IN ('declaration', 'license-list', 'ruleset', 'policy', 'deleted')),
    changed_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT something_changed CHECK (from_verdict IS DISTINCT FROM to_verdict)
);
CREATE INDEX verdict_changes_package ON enriched.verdict_changes (package_key, id);

-- What the classifier last used, and how far it has looked: one row.
CREATE TABLE enriched.classification (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    basis       text NOT NULL,
    system_id   text NOT NULL,
    seen_before xid8 NOT NULL,
    looked_at   timestamptz NOT NULL DEFAULT now()
);

-- Which catalog filled this database: one row, never changed.
CREATE TABLE ops.catalog (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    name       text NOT NULL,
    chosen_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ops.watermarks (
    source          text PRIMARY KEY,
    watermark_ticks bigint NOT NULL,
    origin_ticks    bigint NOT NULL,  -- where the empty database started; nothing before it is ever read by a scan
    watermark       timestamptz NOT NULL GENERATED ALWAYS AS (raw.at(watermark_ticks)) STORED,
    moved_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ops.runs (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source        text NOT NULL CHECK (source IN ('nuget', 'spdx', 'verdicts')),
    kind          text NOT NULL CHECK (kind IN ('scheduled', 'manual', 'fallback')),
    action        text NOT NULL CHECK (action IN ('scan', 'sync', 'classify', 'replay')),
    state         text NOT NULL CHECK (state IN ('running', 'done', 'caught_up', 'blocked', 'failed', 'lost', 'aborted',
                                                 'skipped')),
    started_at    timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    heartbeat_at  timestamptz NOT NULL DEFAULT now(),
    window_after  timestamptz GENERATED ALWAYS AS (raw.at(after_ticks)) STORED,
    window_up_to  timestamptz GENERATED ALWAYS AS (raw.at(up_to_ticks)) STORED,
    pages_total   integer NOT NULL DEFAULT 0,
    pages_done    integer NOT NULL DEFAULT 0,
    pages_failed  integer NOT NULL DEFAULT 0,
    leaves        bigint NOT NULL DEFAULT 0,   -- fetched by this run: stored or rejected
    rejected      bigint NOT NULL DEFAULT 0,
    error         text,
    after_ticks   bigint,
    floor_ticks   bigint,
    up_to_ticks   bigint,
    newest_ticks  bigint,                      -- the newest commit of the index when the run looked
    more          boolean NOT NULL DEFAULT false,
    pages_left    integer CHECK (pages_left >= 0), -- how many more this chain of scans may read, where that was asked
    catalog       jsonb,                       -- where the index was found and which hosts it may name
    root_id       bigint,                      -- the first run of a chain of scans
    cause_id      bigint,                      -- the run that triggered this one
    task_id       text,
    detail        jsonb NOT NULL DEFAULT '{}', -- what else there is to say, for a person
    settled_at    timestamptz,                 -- when all that follows from this run was through
    sends         integer NOT NULL DEFAULT 0,  -- how often upkeep sent a lost callback again
    CONSTRAINT running_has_no_end CHECK ((state = 'running') = (finished_at IS NULL))
);
-- One running scan and one running sync. Replays may run beside them; classifications wait for a lock of their own.
CREATE UNIQUE INDEX runs_one_running ON ops.runs (source) WHERE state = 'running' AND action IN ('scan', 'sync');
CREATE INDEX runs_running ON ops.runs (heartbeat_at) WHERE state = 'running';
CREATE INDEX runs_recent ON ops.runs (source, id DESC);
CREATE INDEX runs_root ON ops.runs (root_id);
CREATE INDEX runs_cause ON ops.runs (cause_id);
CREATE INDEX runs_unsettled ON ops.runs (id) WHERE settled_at IS NULL AND state IN ('done', 'caught_up');

CREATE TABLE ops.run_pages (
    run_id       bigint NOT NULL REFERENCES ops.runs ON DELETE CASCADE,
    page_url     text NOT NULL,
    page_ticks   bigint,
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
    attempts     integer NOT NULL DEFAULT 0,
    items        integer,                      -- new in the window, the newest of each version
    wanted       integer,                      -- of the items listed, those not stored yet
    fetched      integer NOT NULL DEFAULT 0,   -- of them so far, for the progress on screen
    leaves       integer NOT NULL DEFAULT 0,   -- fetched: stored or rejected
    rejected     integer NOT NULL DEFAULT 0,
    newest_ticks bigint,                       -- the newest item the page held when it was read
    error        text,
    started_at   timestamptz,
    finished_at  timestamptz,
    PRIMARY KEY (run_id, page_url)
);
CREATE INDEX run_pages_undone ON ops.run_pages (run_id) WHERE state <> 'done';

CREATE TABLE ops.rejected_leaves (
    leaf_url     text COLLATE "C" PRIMARY KEY,
    package_id   text NOT NULL,
    version      text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('details', 'delete')),
    commit_ticks bigint NOT NULL,
    page_url     text NOT NULL,
    reason       text NOT NULL,
    error        text NOT NULL,
    body         text,
    run_id       bigint,
    attempts     integer NOT NULL DEFAULT 1,
    first_seen   timestamptz NOT NULL DEFAULT now(),
    last_seen    timestamptz NOT NULL DEFAULT now(),
    resolved_at  timestamptz,
    resolution   text CHECK (resolution IN ('replayed', 'accepted')),
    why          text,
    CONSTRAINT resolved_somehow CHECK ((resolved_at IS NULL) = (resolution IS NULL)),
    CONSTRAINT accepted_with_reason CHECK (resolution <> 'accepted' OR why <> '')
);
CREATE INDEX rejected_leaves_open ON ops.rejected_leaves (commit_ticks) WHERE resolved_at IS NULL;

CREATE TABLE ops.check_results (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL,
    gate       text NOT NULL,
    blocking   boolean NOT NULL,
    passed     boolean NOT NULL,
    value      double precision,
    threshold  double precision,
    message    text NOT NULL,
    run_id     bigint,
    checked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX check_results_latest ON ops.check_results (name, id DESC);
CREATE INDEX check_results_run ON ops.check_results (run_id);

-- What an operator decided about the two ticks; applied to the clock, which forgets.
CREATE TABLE ops.schedules (
    name       text PRIMARY KEY,
    enabled    boolean NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text NOT NULL DEFAULT 'install',
    last_tick  timestamptz,
    last_run   bigint
);
INSERT INTO ops.schedules (name) VALUES ('nuget'), ('spdx');

-- lz4 halves the time to store a leaf; some servers are built without it.
DO $$
BEGIN
    IF (SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression') THEN
        ALTER TABLE raw.nuget_versions ALTER COLUMN raw SET COMPRESSION lz4;
        ALTER TABLE raw.nuget_packages ALTER COLUMN raw SET COMPRESSION lz4;
    END IF;
END
$$;
