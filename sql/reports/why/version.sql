-- One version of a package, whether it stands or was deleted.
SELECT version_key, version, license_expression, license_file, license_url, project_url, listed, is_prerelease,
       created, published, deprecated, deleted_at, commit_timestamp, leaf_url, declaration IS NOT NULL AS declared
FROM raw.nuget_versions WHERE package_key = %(package_key)s AND version_key = %(version_key)s;
