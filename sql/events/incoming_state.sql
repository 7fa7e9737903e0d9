-- Whether this connection has its `incoming`.
SELECT to_regclass('pg_temp.incoming') IS NOT NULL AS made;
