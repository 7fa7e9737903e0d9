"""Migrations are numbered one by one: of two with one number, no database could be made."""

from pkgintel.database import migrations


def test_every_migration_has_a_number_of_its_own() -> None:
    assert [number for number, _ in migrations.files()] == list(range(1, len(migrations.files()) + 1))
