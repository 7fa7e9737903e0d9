-- The versions that a page names, before they are made known: first as the page says it, then what is new of it. `*_follows`
-- says that an address need not be kept; while nothing was read, all that a page says goes for new. Made once a connection, emptied
-- at each commit.
CREATE TEMPORARY TABLE announced (
    package_key     text COLLATE "C" NOT NULL,
    version_key     text COLLATE "C" NOT NULL,
    package_id      text NOT NULL,
    version         text NOT NULL,
    sort_key        bytea NOT NULL,
    is_prerelease   boolean NOT NULL,
    details_ticks   bigint,
    details_url     text COLLATE "C",
    details_follows boolean NOT NULL,
    delete_ticks    bigint,
    delete_url      text COLLATE "C",
    delete_follows  boolean NOT NULL
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE fresh (
    LIKE pg_temp.announced,
    new_details boolean NOT NULL DEFAULT true,
    new_delete  boolean NOT NULL DEFAULT true,
    is_read     boolean NOT NULL DEFAULT false,
    rejected    boolean NOT NULL DEFAULT false
) ON COMMIT DELETE ROWS;
