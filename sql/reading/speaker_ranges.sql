-- Ranges of uncertain packages, each of %(size)s at most: behind its start, up to its end; %(most)s of them.
SELECT lag(last, 1, '') OVER (ORDER BY last) AS start, last AS stop, packages
FROM (SELECT max(package_key) AS last, count(*) AS packages
      FROM (SELECT package_key, (row_number() OVER (ORDER BY package_key) - 1) / %(size)s AS n
            FROM raw.unread_packages ORDER BY package_key LIMIT %(size)s::bigint * %(most)s) AS numbered
      GROUP BY n) AS ranges
ORDER BY last;
