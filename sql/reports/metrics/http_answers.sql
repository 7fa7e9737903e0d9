-- What upstream servers answered, by kind.
SELECT kind, answers FROM ops.http_answers ORDER BY kind;
