-- Whether a version that was read is deleted by what is new.
SELECT EXISTS (SELECT FROM pg_temp.fresh WHERE is_read AND new_delete) AS found;
