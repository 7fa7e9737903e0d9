-- Whether this connection has its `incoming`, and whether the server can compress with lz4.
SELECT to_regclass('pg_temp.incoming') IS NOT NULL AS made,
       (SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression') AS lz4;
