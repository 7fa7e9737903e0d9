-- A rejected leaf whose version is stored from a newer leaf is missing nothing: it is resolved by that.
ALTER TABLE ops.rejected_leaves
    DROP CONSTRAINT rejected_leaves_resolution_check,
    ADD CONSTRAINT rejected_leaves_resolution_check CHECK (resolution IN ('replayed', 'accepted', 'superseded'));
