-- License files inside versions that an audit looked up at a package source by themselves. Like those versions they stand
-- apart: what another source holds under the same id may be another file. The bytes are kept with all others.
CREATE TABLE raw.looked_up_texts (
    source_url  text COLLATE "C" NOT NULL CHECK (source_url <> ''),
    package_key text COLLATE "C" NOT NULL CHECK (package_key <> ''),
    version_key text COLLATE "C" NOT NULL CHECK (version_key <> ''),
    outcome     text NOT NULL CHECK (outcome IN ('have', 'missing', 'refused')),
    asked_url   text NOT NULL,
    sha256      text COLLATE "C" REFERENCES raw.license_texts,
    error       text,
    seen_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source_url, package_key, version_key),
    CONSTRAINT text_or_reason CHECK ((outcome = 'have') = (sha256 IS NOT NULL))
);
