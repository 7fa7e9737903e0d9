-- The versions that a source listed of a package not too long ago.
SELECT versions
FROM raw.looked_up_lists
WHERE source_url = %(source_url)s AND package_key = %(package_key)s
  AND looked_up_at > now() - CASE WHEN versions = '{}' THEN interval '1 day' ELSE interval '30 days' END;
