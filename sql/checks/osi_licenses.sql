-- OSI-approved licenses on the stored list.
SELECT count(*)::float8 FROM raw.spdx_licenses WHERE is_osi_approved;
