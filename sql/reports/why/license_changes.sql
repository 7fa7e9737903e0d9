-- Where the verdict changed between versions, in their order.
SELECT from_version, to_version, from_verdict, to_verdict, from_rule, to_rule, from_declaration, to_declaration,
       released_at
FROM enriched.license_changes WHERE package_key = %(package_key)s ORDER BY sort_key;
