-- Which catalog filled this database.
SELECT name FROM ops.catalog;
