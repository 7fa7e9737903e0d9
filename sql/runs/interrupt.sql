-- A person stopped the run; what is stored stays.
UPDATE ops.runs SET state = 'aborted', finished_at = now(), settled_at = now(), error = 'stopped by a person (Ctrl-C)'
WHERE id = %(id)s AND state = 'running';
