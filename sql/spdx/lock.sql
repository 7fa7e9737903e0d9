-- One rewrite at a time; readers go on.
LOCK TABLE raw.spdx_licenses, raw.spdx_exceptions IN EXCLUSIVE MODE;
