-- What the operators' pages ask of a hundred thousand runs: those in a state, those that brought something, how each table
-- was last brought up to date, and how the verdicts changed.
CREATE INDEX runs_by_state ON ops.runs (state, id DESC);
CREATE INDEX runs_with_pages ON ops.runs (id DESC) WHERE pages_total > 0;
CREATE INDEX runs_succeeded ON ops.runs (source, finished_at DESC)
    WHERE state IN ('done', 'caught_up') AND action <> 'replay';
CREATE INDEX runs_with_verdicts ON ops.runs (id DESC)
    WHERE source = 'verdicts' AND detail ? 'verdicts' AND finished_at IS NOT NULL;
CREATE INDEX runs_of_ticks ON ops.runs (source, id DESC)
    WHERE kind = 'scheduled' AND cause_id IS NULL AND coalesce(root_id, id) = id;
