-- Whether the catalog announced a version that nobody read yet.
SELECT EXISTS (SELECT FROM raw.unread_versions) AS found;
