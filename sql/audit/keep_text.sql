-- Keep what became of the license file of a version that was looked up.
INSERT INTO raw.looked_up_texts (source_url, package_key, version_key, outcome, asked_url, sha256, error)
VALUES (%(source_url)s, %(package_key)s, %(version_key)s, %(outcome)s, %(asked_url)s, %(sha256)s, %(error)s)
ON CONFLICT (source_url, package_key, version_key) DO UPDATE
SET outcome = excluded.outcome, asked_url = excluded.asked_url, sha256 = excluded.sha256, error = excluded.error,
    seen_at = now();
