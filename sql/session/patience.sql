-- How long this session may idle in a transaction, wait for a lock, or wait for a peer that is gone. A shorter time that
-- the server, the database or the role sets already stands. Milliseconds, but tcp_keepalives_*: seconds and a count.
SELECT set_config(name, least(nullif(setting::bigint, 0), wanted)::text, false)
FROM pg_settings
JOIN (VALUES ('idle_in_transaction_session_timeout', 30000), ('lock_timeout', 60000),
             ('tcp_keepalives_idle', 10), ('tcp_keepalives_interval', 5), ('tcp_keepalives_count', 4),
             ('tcp_user_timeout', 30000), ('client_connection_check_interval', 10000)) AS patience (name, wanted)
     USING (name)
-- A server on Windows refuses any value of this one.
WHERE name <> 'client_connection_check_interval' OR version() ~ '(linux|apple|bsd)';
