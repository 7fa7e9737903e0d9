"""Where packages were given other licenses: found between neighbouring versions, kept as rows that say when and what.

Part of a classification, in its transaction. Only packages are looked at again that an event touched, or one of whose
declarations is judged otherwise now.
"""

from pkgintel import database


def prepare(conn: database.Connection) -> None:
    """Make the temporary tables of this transaction."""
    conn.execute(database.sql("relicensing/tables"))


def note_moved(conn: database.Connection) -> int:
    """Remember which declarations in the table `judged` get another verdict or other ids than they had; how many."""
    return database.run(conn, "relicensing/add_moved")


def find(conn: database.Connection, since: str, moved: int) -> int:
    """Find the changes of the packages touched by transactions from `since` on (an xid8); how many are new.

    `moved` is how many declarations `note_moved` remembered: their packages are looked at too.
    """
    touched = database.run(conn, "relicensing/add_touched", since=since)
    if moved:
        touched += database.run(conn, "relicensing/add_of_moved")
    if not touched:
        return 0
    conn.execute("ANALYZE pg_temp.touched")
    if database.run(conn, "relicensing/add_varied"):
        conn.execute("ANALYZE pg_temp.varied")
        database.run(conn, "relicensing/add_relicensed")
    conn.execute("ANALYZE pg_temp.relicensed")
    database.run(conn, "relicensing/forget")
    found = database.run(conn, "relicensing/keep")
    database.run(conn, "relicensing/last_open")
    return found
