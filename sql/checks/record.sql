-- One measured check.
INSERT INTO ops.check_results (name, gate, blocking, passed, value, threshold, message, run_id)
VALUES (%(name)s, %(gate)s, %(blocking)s, %(passed)s, %(value)s, %(threshold)s, %(message)s, %(run_id)s);
