-- One exception of the list.
INSERT INTO raw.spdx_exceptions (exception_id, name, is_deprecated, list_version, raw)
VALUES (%(exception_id)s, %(name)s, %(is_deprecated)s, %(list_version)s, %(raw)s)
ON CONFLICT (exception_id) DO UPDATE SET name = excluded.name, is_deprecated = excluded.is_deprecated,
    list_version = excluded.list_version, raw = excluded.raw;
