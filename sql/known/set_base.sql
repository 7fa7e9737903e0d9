-- The first page that is made known says what the addresses of leaves begin with.
UPDATE ops.catalog SET leaf_base = %(base)s WHERE leaf_base IS NULL;
