-- Where the verdict changed between versions, in the order of their release.
SELECT from_version, to_version, from_verdict, to_verdict, from_rule, to_rule, from_declaration, to_declaration,
       released_at
FROM enriched.license_changes_by_date WHERE package_key = %(package_key)s ORDER BY released_at, sort_key;
