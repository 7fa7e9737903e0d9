-- Where the license ids or the verdict of one package changed between versions, in their order.
SELECT from_version, to_version, from_verdict, to_verdict, from_rule, to_rule, from_ids, to_ids, released_at
FROM enriched.license_id_changes WHERE package_key = %(package_key)s ORDER BY sort_key;
