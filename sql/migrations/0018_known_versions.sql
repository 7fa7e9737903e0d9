-- A version is known before it is read: an item of a page says its keys, its spelling, its kind and its commit. What was read
-- stays in the table that held it, under another name; what is known and not read yet lies beside it, as narrow as it can;
-- raw.nuget_versions shows both.
ALTER TABLE raw.nuget_versions RENAME TO read_versions;
ALTER TABLE raw.read_versions ADD COLUMN read_at timestamptz NOT NULL DEFAULT now();  -- All of them were read before now.

-- The newest details and the newest delete that were announced and not read. An address is kept only where it does not follow
-- from the commit, the id and the version (see raw.leaf_address). `rejected` says that its leaf could not be fetched: it counts as
-- settled until a newer one is announced.
CREATE TABLE raw.unread_versions (
    details_ticks bigint,
    delete_ticks  bigint,
    package_key   text COLLATE "C" NOT NULL CHECK (package_key <> ''),
    version_key   text COLLATE "C" NOT NULL CHECK (version_key <> ''),
    package_id    text NOT NULL CHECK (package_id <> ''),
    version       text NOT NULL CHECK (version <> ''),
    sort_key      bytea NOT NULL CHECK (octet_length(sort_key) >= 17),
    is_prerelease boolean NOT NULL,
    rejected      boolean NOT NULL DEFAULT false,
    details_url   text COLLATE "C",
    delete_url    text COLLATE "C",
    PRIMARY KEY (package_key, version_key),
    CONSTRAINT something_is_announced CHECK (details_ticks IS NOT NULL OR delete_ticks IS NOT NULL),
    CONSTRAINT stamps_are_readable CHECK (raw.is_readable(details_ticks) AND raw.is_readable(delete_ticks))
);

-- The packages whose speaker is not certain: a version that could outrank it may be unread. Whoever announces or reads a
-- version locks the package's row here first.
CREATE TABLE raw.unread_packages (
    package_key text COLLATE "C" PRIMARY KEY CHECK (package_key <> '')
);

-- What the addresses of most leaves of this catalog begin with.
ALTER TABLE ops.catalog ADD COLUMN leaf_base text COLLATE "C";

-- The address of a leaf as nuget.org writes it: …/data/2015.02.01.06.22.45/adam.jsgenerator.1.1.0.json
CREATE FUNCTION raw.leaf_address(base text, ticks bigint, package_key text, version_key text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN base || to_char(raw.at(ticks) AT TIME ZONE 'UTC', 'YYYY.MM.DD.HH24.MI.SS') || '/' || package_key || '.'
        || version_key || '.json';

-- Whether an announced leaf is newer than the one that is known: by ticks, then by address.
CREATE FUNCTION raw.is_newer(base text, ticks bigint, url text, known_ticks bigint, known_url text, package_key text,
                             version_key text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ticks IS NOT NULL
       AND (known_ticks IS NULL OR ticks > known_ticks
            OR (ticks = known_ticks
                AND coalesce(url, raw.leaf_address(base, ticks, package_key, version_key)) COLLATE "C"
                    > coalesce(known_url, raw.leaf_address(base, ticks, package_key, version_key)) COLLATE "C"));

-- Every unread leaf with its address.
CREATE VIEW raw.unread_leaves AS
SELECT package_key, version_key, package_id, version, sort_key, is_prerelease, rejected, details_ticks, delete_ticks,
       CASE WHEN details_ticks IS NOT NULL THEN coalesce(details_url, raw.leaf_address(
           (SELECT leaf_base FROM ops.catalog), details_ticks, package_key, version_key)) END COLLATE "C" AS details_url,
       CASE WHEN delete_ticks IS NOT NULL THEN coalesce(delete_url, raw.leaf_address(
           (SELECT leaf_base FROM ops.catalog), delete_ticks, package_key, version_key)) END COLLATE "C" AS delete_url,
       ctid AS place,
       CASE WHEN delete_ticks >= coalesce(details_ticks, delete_ticks) THEN raw.at(delete_ticks) END AS deleted_at
FROM raw.unread_versions;

-- Every version that is known. Of one that is not read, or of which a newer leaf was announced, only that is said.
CREATE VIEW raw.nuget_versions AS
SELECT package_key, version_key, package_id, version, license_expression, license_file, license_url, project_url, listed,
       is_prerelease, created, published, deprecated, sort_key, details_ticks, details_url, delete_ticks, delete_url, raw,
       raw_bytes, deleted_at, commit_ticks, commit_timestamp, leaf_url, declaration, read_at
FROM raw.read_versions r
-- A look into the index for each: a join would keep the planner from looking up a few packages.
WHERE (SELECT 1 FROM raw.unread_versions u
       WHERE u.package_key = r.package_key AND u.version_key = r.version_key) IS NULL
UNION ALL
SELECT package_key, version_key, package_id, version, NULL::text, NULL::text, NULL::text, NULL::text, NULL::boolean,
       is_prerelease, NULL::timestamptz, NULL::timestamptz, NULL::boolean, sort_key, details_ticks, details_url,
       delete_ticks, delete_url, NULL::jsonb, NULL::bytea, deleted_at, greatest(details_ticks, delete_ticks),
       raw.at(greatest(details_ticks, delete_ticks)),
       CASE WHEN deleted_at IS NOT NULL THEN delete_url ELSE details_url END COLLATE "C", NULL::uuid, NULL::timestamptz
FROM raw.unread_leaves;

CREATE OR REPLACE VIEW enriched.version_verdicts AS
SELECT v.package_key, v.version_key, v.package_id, v.version, v.sort_key, v.listed, v.is_prerelease,
       coalesce(v.created, CASE WHEN v.published >= '1901-01-01Z' THEN v.published END, v.commit_timestamp)
           AS released_at,
       d.verdict, d.rule,
       jsonb_strip_nulls(jsonb_build_object('license_expression', v.license_expression,
                                            'license_file', v.license_file,
                                            'license_url', v.license_url)) AS declaration,
       d.spdx_ids
FROM raw.read_versions v
LEFT JOIN enriched.texts_at_hand h ON h.package_key = v.package_key AND h.version_key = v.version_key
JOIN enriched.declaration_verdicts d
    ON d.declaration = v.declaration AND d.text_source = coalesce(h.source_id, 0)
       AND enriched.in_era(v.created, d.created_from, d.created_until)
WHERE v.deleted_at IS NULL
  AND (SELECT 1 FROM raw.unread_versions u
       WHERE u.package_key = v.package_key AND u.version_key = v.version_key) IS NULL;

-- Whether a version between two others, in the order of versions, stands unread: nothing is said across it.
CREATE FUNCTION enriched.unread_between(package text, from_key bytea, to_key bytea) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (SELECT FROM raw.unread_leaves u
                   WHERE u.package_key = package AND u.deleted_at IS NULL AND NOT u.rejected
                     AND (from_key IS NULL OR u.sort_key >= from_key) AND (to_key IS NULL OR u.sort_key <= to_key));

CREATE OR REPLACE VIEW enriched.license_changes AS
SELECT package_key, package_id, from_version, version AS to_version, from_verdict, verdict AS to_verdict,
       from_rule, rule AS to_rule, from_declaration, declaration AS to_declaration, released_at, sort_key
FROM (SELECT version_verdicts.*,
             lag(version) OVER earlier AS from_version,
             lag(sort_key) OVER earlier AS from_sort_key,
             lag(verdict) OVER earlier AS from_verdict,
             lag(rule) OVER earlier AS from_rule,
             lag(declaration) OVER earlier AS from_declaration
      FROM enriched.version_verdicts
      WINDOW earlier AS (PARTITION BY package_key ORDER BY sort_key, version_key)) AS version
WHERE from_verdict <> verdict AND NOT enriched.unread_between(package_key, from_sort_key, sort_key);

-- When an unread version was released is not known, so nothing is said of a package that has one.
CREATE OR REPLACE VIEW enriched.license_changes_by_date AS
SELECT package_key, package_id, from_version, version AS to_version, from_verdict, verdict AS to_verdict,
       from_rule, rule AS to_rule, from_declaration, declaration AS to_declaration, released_at, sort_key
FROM (SELECT version_verdicts.*,
             lag(version) OVER earlier AS from_version,
             lag(verdict) OVER earlier AS from_verdict,
             lag(rule) OVER earlier AS from_rule,
             lag(declaration) OVER earlier AS from_declaration
      FROM enriched.version_verdicts
      WINDOW earlier AS (PARTITION BY package_key ORDER BY released_at, sort_key, version_key)) AS version
WHERE from_verdict <> verdict AND NOT enriched.unread_between(package_key, NULL, NULL);

-- Reading unread leaves is a run of its own, in pages that are ranges of packages or of blocks; one at a time, beside scans.
ALTER TABLE ops.runs
    DROP CONSTRAINT runs_action_check,
    ADD CONSTRAINT runs_action_check CHECK (action IN ('scan', 'sync', 'classify', 'replay', 'fetch', 'read')),
    ADD COLUMN knows boolean NOT NULL DEFAULT false,  -- A scan that makes versions known and reads no leaf.
    ADD COLUMN rest boolean NOT NULL DEFAULT false;   -- It reads what does not decide who speaks.
CREATE UNIQUE INDEX runs_one_reading ON ops.runs (source) WHERE state = 'running' AND action = 'read';
ALTER TABLE ops.run_pages
    DROP CONSTRAINT run_pages_kind_check,
    ADD CONSTRAINT run_pages_kind_check CHECK (kind IN ('catalog', 'package', 'rejected', 'texts', 'speakers', 'rest')),
    ADD COLUMN page_end text COLLATE "C";             -- Where the range of such a page ends.
