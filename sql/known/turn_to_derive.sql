-- From here on no version is made known until this transaction ends; other packages are derived beside it.
LOCK TABLE ops.unread_turn IN ROW EXCLUSIVE MODE;
