-- Versions that an audit looked up at a package source by themselves. They stand apart from what the catalog brought, and
-- feed no package row, no freshness and no gate: a package of which one version is known has none that speaks for it.
CREATE TABLE raw.looked_up_versions (
    source_url         text COLLATE "C" NOT NULL CHECK (source_url <> ''),
    package_key        text COLLATE "C" NOT NULL CHECK (package_key <> ''),
    version_key        text COLLATE "C" NOT NULL CHECK (version_key <> ''),
    package_id         text NOT NULL CHECK (package_id <> ''),
    version            text NOT NULL CHECK (version <> ''),
    found              boolean NOT NULL,
    license_expression text CHECK (license_expression <> ''),
    license_file       text CHECK (license_file <> ''),
    license_url        text CHECK (license_url <> ''),
    document_url       text NOT NULL,
    body               bytea,  -- the nuspec as received
    looked_up_at       timestamptz NOT NULL DEFAULT now(),
    declaration        uuid GENERATED ALWAYS AS (
        CASE WHEN found THEN raw.declaration(license_expression, license_file, license_url) END) STORED,
    PRIMARY KEY (source_url, package_key, version_key),
    CONSTRAINT found_has_a_body CHECK (found = (body IS NOT NULL))
);
