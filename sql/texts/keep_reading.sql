-- What the reader made of a text.
INSERT INTO enriched.license_readings (sha256, reader, list_version, status, licenses, expression, method, similarity,
                                       differences, closed, encoding, why, meaning)
VALUES (%(sha256)s, %(reader)s, %(list_version)s, %(status)s, %(licenses)s, %(expression)s, %(method)s, %(similarity)s,
        %(differences)s, %(closed)s, %(encoding)s, %(why)s, %(meaning)s)
ON CONFLICT DO NOTHING;
