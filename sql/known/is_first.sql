-- Whether nothing was read yet and no rejected leaf is settled, so that only what is known and unread can be newer than a page.
SELECT NOT EXISTS (SELECT FROM raw.read_versions) AND NOT EXISTS (SELECT FROM raw.nuget_packages)
       AND NOT EXISTS (SELECT FROM ops.rejected_leaves WHERE resolution = 'accepted' OR commit_ticks <= %(watermark)s) AS first;
