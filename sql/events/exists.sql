-- Whether this database has the table that remembers its catalog.
SELECT to_regclass('ops.catalog') IS NOT NULL AS found;
