-- The uncertain packages of a range of keys.
SELECT package_key FROM raw.unread_packages WHERE package_key > %(start)s AND package_key <= %(stop)s ORDER BY package_key;
