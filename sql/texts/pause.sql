-- A host is left alone for some time.
INSERT INTO ops.text_hosts (host, paused_until, why)
VALUES (%(host)s, now() + make_interval(secs => %(seconds)s), %(why)s)
ON CONFLICT (host) DO UPDATE SET paused_until = excluded.paused_until, why = excluded.why;
