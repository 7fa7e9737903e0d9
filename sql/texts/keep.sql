-- The bytes of a text, kept once.
INSERT INTO raw.license_texts (sha256, bytes, media_type) VALUES (%(sha256)s, %(bytes)s, %(media_type)s)
ON CONFLICT (sha256) DO NOTHING;
