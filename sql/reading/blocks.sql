-- How many blocks the unread versions lie in. They lie in the order in which they were announced, the newest at the end.
SELECT pg_relation_size('raw.unread_versions') / current_setting('block_size')::integer AS blocks;
