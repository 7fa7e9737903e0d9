-- Licenses that the new list no longer has.
DELETE FROM raw.spdx_licenses WHERE NOT license_id = ANY (%(ids)s);
