-- Whether a version created then belongs to an era, as before. What has neither beginning nor end, which nearly all have, comes
-- first: from the statistics of the two columns the planner knows then that nearly every row fits, where it guessed a third.
CREATE OR REPLACE FUNCTION enriched.in_era(created timestamptz, since timestamptz, until timestamptz) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (since = '-infinity' AND until IS NULL)
           OR (coalesce(created, 'infinity') >= since AND (until IS NULL OR coalesce(created, 'infinity') < until));
