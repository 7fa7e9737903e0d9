-- Bulk load of `fresh` where nothing was read yet, in the order of the columns of `announced`.
COPY pg_temp.fresh (package_key, version_key, package_id, version, sort_key, is_prerelease, details_ticks, details_url,
                    details_follows, delete_ticks, delete_url, delete_follows) FROM STDIN (FORMAT BINARY);
