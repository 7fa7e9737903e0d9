"""A database in which all is well, for every test here that asks for it."""

from tests.support.reports import healthy

__all__ = ["healthy"]  # A fixture.
