-- One license of the list.
INSERT INTO raw.spdx_licenses (license_id, name, is_osi_approved, is_fsf_libre, is_deprecated, see_also, list_version, raw)
VALUES (%(license_id)s, %(name)s, %(is_osi_approved)s, %(is_fsf_libre)s, %(is_deprecated)s, %(see_also)s,
        %(list_version)s, %(raw)s)
ON CONFLICT (license_id) DO UPDATE SET name = excluded.name, is_osi_approved = excluded.is_osi_approved,
    is_fsf_libre = excluded.is_fsf_libre, is_deprecated = excluded.is_deprecated, see_also = excluded.see_also,
    list_version = excluded.list_version, raw = excluded.raw;
