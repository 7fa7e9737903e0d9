-- From here on no package is derived and no version made known until this transaction ends.
LOCK TABLE ops.unread_turn IN SHARE ROW EXCLUSIVE MODE;
