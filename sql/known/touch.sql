-- The packages of what was read, and some more.
INSERT INTO pg_temp.touched_packages (package_key, newest, uncertain)
SELECT package_key, max(commit_ticks),
       (SELECT 1 FROM raw.unread_packages u WHERE u.package_key = each.package_key) IS NOT NULL
FROM (SELECT package_key, commit_ticks FROM pg_temp.incoming
      UNION ALL SELECT unnest(%(packages)s::text[]), NULL) AS each
GROUP BY package_key;
