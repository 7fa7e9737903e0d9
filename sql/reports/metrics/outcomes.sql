-- Pages and leaves of all runs so far, by what became of them.
SELECT count(*) FILTER (WHERE state = 'done') AS pages_done, count(*) FILTER (WHERE state = 'failed') AS pages_failed,
       coalesce(sum(leaves - rejected), 0)::bigint AS leaves_stored, coalesce(sum(rejected), 0)::bigint AS leaves_rejected
FROM ops.run_pages;
