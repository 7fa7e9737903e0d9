-- A cursor of this transaction is planned to be read to its end from now on.
SELECT set_config('cursor_tuple_fraction', '1', true);
