-- Stored packages whose key begins with one of some prefixes, at most %(most)s for each.
SELECT DISTINCT found.package_key, found.package_id
FROM unnest(%(prefixes)s::text[]) AS wanted (prefix)
CROSS JOIN LATERAL (SELECT package_key, package_id FROM raw.nuget_packages
                    WHERE package_key >= wanted.prefix AND package_key < wanted.prefix || chr(1114111)
                    ORDER BY package_key LIMIT %(most)s) AS found;
