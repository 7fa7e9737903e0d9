-- How many packages are uncertain, as far as it matters.
SELECT count(*) AS packages FROM (SELECT 1 FROM raw.unread_packages LIMIT %(most)s) AS counted;
