"""Reads license texts: which license a file holds, and what differs from it (see `reading`)."""
