-- The moment at which this transaction began, by the clock of the database.
SELECT now() AS now;
