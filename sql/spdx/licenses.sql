-- The stored license list.
SELECT license_id, name, is_osi_approved, is_fsf_libre, is_deprecated, see_also, list_version, raw
FROM raw.spdx_licenses ORDER BY license_id;
