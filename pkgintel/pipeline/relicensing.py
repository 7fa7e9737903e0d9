"""Where packages were given other licenses: found between neighbouring versions, kept as rows that say when and what.

Part of a classification, in its transaction. Only packages are looked at again that an event touched, or one of whose
declarations is judged otherwise now.
"""

from pkgintel import database


def note_moved(conn: database.Connection) -> int:
    """Remember which declarations in the table `judged` get another verdict or other ids than they had; how many."""
    return database.run(conn, "relicensing/moved")


def find(conn: database.Connection, since: str, moved: int) -> int:
    """Find the changes of the packages touched by transactions from `since` on (an xid8); how many are new.

    `moved` is how many declarations `note_moved` remembered: their packages are looked at too. A temporary table is
    made only where versions of a package differ, for it costs as much as a thousand packages whose versions do not.
    """
    if not moved and not database.the(conn, "verdicts/any_touched", since=since)["found"]:
        return 0
    besides = database.the(conn, "relicensing/of_moved")["package_keys"] if moved else []
    varied = database.the(conn, "relicensing/varied", since=since, besides=besides)["package_keys"]
    database.run(conn, "relicensing/forget_uniform", since=since, besides=besides, varied=varied)
    if not varied:
        return 0
    database.run(conn, "relicensing/relicensed", varied=varied)
    conn.execute("ANALYZE pg_temp.relicensed")
    database.run(conn, "relicensing/forget", varied=varied)
    found = database.run(conn, "relicensing/keep")
    database.run(conn, "relicensing/last_open", varied=varied)
    return found
