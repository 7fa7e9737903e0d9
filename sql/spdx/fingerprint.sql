-- The version of the stored list, and a hash of all that verdicts are made from; nothing when no list is stored.
SELECT max(list_version) AS version,
       md5(string_agg(concat_ws('|', license_id, is_osi_approved, coalesce(is_fsf_libre::text, '?'), see_also), E'\n'
                      ORDER BY license_id COLLATE "C")
           || (SELECT coalesce(string_agg(exception_id, E'\n' ORDER BY exception_id COLLATE "C"), '')
               FROM raw.spdx_exceptions)) AS content
FROM raw.spdx_licenses
HAVING count(*) > 0;
