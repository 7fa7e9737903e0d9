-- Bulk load of `incoming`, in the order of its columns.
COPY pg_temp.incoming FROM STDIN (FORMAT BINARY);
