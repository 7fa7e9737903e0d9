-- What the addresses of most leaves begin with.
SELECT leaf_base FROM ops.catalog;
