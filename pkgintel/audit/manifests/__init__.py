"""Pure: the bytes of a manifest in, the packages that it requires out; nothing is skipped without a note."""
