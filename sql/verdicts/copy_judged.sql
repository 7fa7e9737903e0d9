-- Bulk load of `judged`, in the order of its columns.
COPY pg_temp.judged FROM STDIN;
