-- The events of one page, before they are merged. Made once a connection, emptied at each commit.
CREATE TEMPORARY TABLE incoming (
    package_key        text COLLATE "C" NOT NULL,
    version_key        text COLLATE "C" NOT NULL,
    package_id         text NOT NULL,
    version            text NOT NULL,
    license_expression text,
    license_file       text,
    license_url        text,
    project_url        text,
    listed             boolean,
    is_prerelease      boolean NOT NULL,
    created            timestamptz,
    published          timestamptz,
    deprecated         boolean NOT NULL,
    sort_key           bytea NOT NULL,
    is_delete          boolean NOT NULL,
    commit_ticks       bigint NOT NULL,
    leaf_url           text COLLATE "C" NOT NULL,
    raw                jsonb NOT NULL,
    raw_bytes          bytea
) ON COMMIT DELETE ROWS;
