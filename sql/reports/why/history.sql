-- Every change of a package's verdict, oldest first.
SELECT changed_at, from_verdict, to_verdict, from_rule, to_rule, from_reason, to_reason, from_version, to_version, cause,
       from_text, to_text
FROM enriched.verdict_changes WHERE package_key = %(package_key)s ORDER BY id;
