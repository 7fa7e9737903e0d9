-- Bulk load of `announced`, in the order of its columns.
COPY pg_temp.announced FROM STDIN (FORMAT BINARY);
