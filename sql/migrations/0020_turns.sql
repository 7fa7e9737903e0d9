-- Nothing is ever in this table. Pages that make versions known lock it in SHARE mode, transactions that derive the rows of
-- packages while versions are unread in ROW EXCLUSIVE mode: many of one kind at a time, never both kinds.
CREATE TABLE ops.unread_turn (none boolean NOT NULL CHECK (false));
