-- The packages that a transaction touches. Made once a connection, emptied at each commit.
CREATE TEMPORARY TABLE IF NOT EXISTS touched_packages (
    package_key text COLLATE "C" PRIMARY KEY,
    newest      bigint,           -- The newest event (ticks) of the package that was read just now.
    uncertain   boolean NOT NULL  -- What was announced since its row was derived may have changed it.
) ON COMMIT DELETE ROWS;
