-- Which versions a package source listed of a package below whose audited version an open one was looked for. They stand apart
-- as the looked-up versions do, so that a later audit finds the same open version and asks nobody.
CREATE TABLE raw.looked_up_lists (
    source_url   text COLLATE "C" NOT NULL CHECK (source_url <> ''),
    package_key  text COLLATE "C" NOT NULL CHECK (package_key <> ''),
    versions     text[] NOT NULL,
    looked_up_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source_url, package_key)
);
