-- How many versions of a package are known, how many of them are unread, how many were deleted, and the highest few.
SELECT count(*) AS stored, count(*) FILTER (WHERE read_at IS NULL) AS unread, count(deleted_at) AS deleted, max(deleted_at) AS last_deleted,
       (array_agg(version ORDER BY sort_key DESC, version_key DESC))[1:5] AS highest
FROM raw.nuget_versions WHERE package_key = %(package_key)s;
