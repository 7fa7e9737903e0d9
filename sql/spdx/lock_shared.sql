-- Readers that must not see half of a rewrite.
LOCK TABLE raw.spdx_licenses, raw.spdx_exceptions IN SHARE MODE;
