-- The stored leaf is taken over as it was compressed on the way in, so both sides use the same method.
ALTER TABLE pg_temp.incoming ALTER COLUMN raw SET COMPRESSION lz4;
