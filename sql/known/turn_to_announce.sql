-- From here on no package is derived until this transaction ends; other pages make versions known beside it.
LOCK TABLE ops.unread_turn IN SHARE MODE;
