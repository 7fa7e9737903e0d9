-- Stamps that every program can read: from the year 1 up to the last day of the year 9999, which is left free, for no
-- time zone may carry a time beyond it.
CREATE FUNCTION raw.is_readable(ticks bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ticks BETWEEN -621355968000000000 AND 2534022144000000000;

CREATE FUNCTION raw.nearest_readable(ticks bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT
    RETURN greatest(least(ticks, 2534022144000000000), -621355968000000000);

-- Rows that hold a stamp beyond keep the nearest that can be read: it is as far off, and the checks say so.
UPDATE ops.watermarks
SET watermark_ticks = raw.nearest_readable(watermark_ticks),
    origin_ticks = raw.nearest_readable(origin_ticks)
WHERE NOT (raw.is_readable(watermark_ticks) AND raw.is_readable(origin_ticks));
UPDATE ops.runs
SET after_ticks = raw.nearest_readable(after_ticks),
    floor_ticks = raw.nearest_readable(floor_ticks),
    up_to_ticks = raw.nearest_readable(up_to_ticks),
    newest_ticks = raw.nearest_readable(newest_ticks)
WHERE NOT (coalesce(raw.is_readable(after_ticks), true) AND coalesce(raw.is_readable(floor_ticks), true)
           AND coalesce(raw.is_readable(up_to_ticks), true) AND coalesce(raw.is_readable(newest_ticks), true));
UPDATE ops.run_pages
SET page_ticks = raw.nearest_readable(page_ticks),
    newest_ticks = raw.nearest_readable(newest_ticks)
WHERE NOT (coalesce(raw.is_readable(page_ticks), true) AND coalesce(raw.is_readable(newest_ticks), true));
UPDATE ops.rejected_leaves
SET commit_ticks = raw.nearest_readable(commit_ticks)
WHERE NOT raw.is_readable(commit_ticks);

DROP FUNCTION raw.nearest_readable(bigint);

ALTER TABLE ops.watermarks
    ADD CONSTRAINT stamps_are_readable CHECK (raw.is_readable(watermark_ticks) AND raw.is_readable(origin_ticks));
ALTER TABLE ops.runs
    ADD CONSTRAINT stamps_are_readable CHECK (raw.is_readable(after_ticks) AND raw.is_readable(floor_ticks)
                                              AND raw.is_readable(up_to_ticks) AND raw.is_readable(newest_ticks));
ALTER TABLE ops.run_pages
    ADD CONSTRAINT stamps_are_readable CHECK (raw.is_readable(page_ticks) AND raw.is_readable(newest_ticks));
ALTER TABLE ops.rejected_leaves
    ADD CONSTRAINT stamps_are_readable CHECK (raw.is_readable(commit_ticks));
-- Held for new rows only: to look at every stored version would keep a large database waiting for minutes.
ALTER TABLE raw.nuget_versions
    ADD CONSTRAINT stamps_are_readable CHECK (raw.is_readable(details_ticks) AND raw.is_readable(delete_ticks)) NOT VALID;
ALTER TABLE raw.nuget_packages
    ADD CONSTRAINT stamps_are_readable CHECK (raw.is_readable(commit_ticks)) NOT VALID;

-- An item of a page that breaks its shape is a rejected leaf too; of some it cannot be said what they announced.
ALTER TABLE ops.rejected_leaves ALTER COLUMN kind DROP NOT NULL;

-- How many items the index promised of a page.
ALTER TABLE ops.run_pages ADD COLUMN page_count integer CHECK (page_count >= 0);

-- Pages that an operator takes although they hold fewer items than their count says. Fewer still is refused again.
CREATE TABLE ops.accepted_counts (
    page_url    text COLLATE "C" PRIMARY KEY,
    promised    integer NOT NULL,
    items       integer NOT NULL CHECK (items >= 0),
    why         text NOT NULL CHECK (why <> ''),
    accepted_by text NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT items_are_missing CHECK (items < promised)
);

-- Every watermark that an operator brought back, with the origin that went with it.
CREATE TABLE ops.watermark_resets (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text NOT NULL,
    from_ticks  bigint NOT NULL CHECK (raw.is_readable(from_ticks)),
    to_ticks    bigint NOT NULL CHECK (raw.is_readable(to_ticks)),
    from_origin bigint NOT NULL CHECK (raw.is_readable(from_origin)),
    to_origin   bigint NOT NULL CHECK (raw.is_readable(to_origin)),
    why         text NOT NULL CHECK (why <> ''),
    reset_by    text NOT NULL,
    reset_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT backwards CHECK (to_ticks < from_ticks)
);
