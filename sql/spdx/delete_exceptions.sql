-- Exceptions that the new list no longer has.
DELETE FROM raw.spdx_exceptions WHERE NOT exception_id = ANY (%(ids)s);
