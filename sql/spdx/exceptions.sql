-- The stored exceptions.
SELECT exception_id, name, is_deprecated, raw FROM raw.spdx_exceptions ORDER BY exception_id;
