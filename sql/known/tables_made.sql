-- Whether this connection has its tables.
SELECT to_regclass('pg_temp.fresh') IS NOT NULL AS made;
