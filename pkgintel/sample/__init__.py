"""A small catalog like the real one, made from a table of facts and served over HTTP."""
