-- An operator lets something through the gate of the texts.
INSERT INTO ops.accepted_texts (what, why, accepted_by) VALUES (%(what)s, %(why)s, %(by)s)
ON CONFLICT (what) DO UPDATE SET why = excluded.why, accepted_by = excluded.accepted_by, accepted_at = now();
