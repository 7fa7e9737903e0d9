-- One admission at a time.
SELECT FROM ops.locks WHERE name = 'classify' FOR UPDATE;
