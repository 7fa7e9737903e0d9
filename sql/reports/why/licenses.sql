-- What the stored list says of some licenses, whatever the case of their ids.
SELECT license_id, name, is_osi_approved, is_fsf_libre, is_deprecated, list_version
FROM raw.spdx_licenses WHERE lower(license_id) = ANY (%(ids)s::text[]);
