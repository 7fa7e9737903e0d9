"""What the schema refuses, that every statement fits it, and how migrations bring it about."""

import ast
import re
import threading

import psycopg
import pytest

from pkgintel import database as db
from pkgintel.database import migrations
from pkgintel.errors import SchemaBehind
from pkgintel.local.services import Services
from tests.support import oracle
from tests.support.checkout import CHECKOUT
from tests.support.databases import fresh_database

PACKAGE = CHECKOUT / "pkgintel"
VERSION = "INSERT INTO raw.read_versions (package_key, version_key, package_id, version, is_prerelease, sort_key, raw"


KEY = "'\\x0000000000000000000000000000000001'"


BAD = {
    "version without an event": f"{VERSION}) VALUES ('a', '1', 'A', '1', false, {KEY}, '{{}}')",
    "details without an address": (
        f"{VERSION}, listed, details_ticks) VALUES ('a', '1', 'A', '1', false, {KEY}, '{{}}', true, 1)"
    ),
    "details that do not say listed": (
        f"{VERSION}, details_ticks, details_url) VALUES ('a', '1', 'A', '1', false, {KEY}, '{{}}', 1, 'u')"
    ),
    "a delete without an address": f"{VERSION}, delete_ticks) VALUES ('a', '1', 'A', '1', false, {KEY}, '{{}}', 1)",
    "an empty key": f"{VERSION}, delete_ticks, delete_url) VALUES ('', '1', 'A', '1', false, {KEY}, '{{}}', 1, 'u')",
    "a short order": f"{VERSION}, delete_ticks, delete_url) VALUES ('a', '1', 'A', '1', false, '\\x', '{{}}', 1, 'u')",
    "a leaf that is no object": f"{VERSION}, delete_ticks, delete_url) VALUES ('a','1','A','1',false,{KEY},'[]',1,'u')",
    "a package in another state": (
        "INSERT INTO raw.nuget_packages (package_key, package_id, state, commit_ticks) VALUES ('a', 'A', 'gone', 1)"
    ),
    "a listed package without a version": (
        "INSERT INTO raw.nuget_packages (package_key, package_id, state, commit_ticks) VALUES ('a', 'A', 'listed', 1)"
    ),
    "a declaration of another name": (
        "INSERT INTO raw.license_declarations VALUES ('00000000-0000-0000-0000-000000000000', 'MIT')"
    ),
    "a license twice, but for case": (
        "INSERT INTO raw.spdx_licenses (license_id, name, is_osi_approved, is_deprecated, list_version, raw) "
        "VALUES ('MIT', '', true, false, '1', '{}'), ('mit', '', true, false, '1', '{}')"
    ),
    "a verdict that is none": (
        "INSERT INTO enriched.declaration_verdicts (declaration, verdict, rule, reason, evidence, basis) "
        "VALUES ('00000000-0000-0000-0000-000000000000', 'maybe', 'r', 'r', '{}', 'b')"
    ),
    "two running runs": (
        "INSERT INTO ops.runs (source, kind, action, state) VALUES ('nuget', 'manual', 'scan', 'running'), "
        "('nuget', 'manual', 'scan', 'running')"
    ),
    "a run that ended without a time": (
        "INSERT INTO ops.runs (source, kind, action, state) VALUES ('nuget', 'manual', 'scan', 'done')"
    ),
    "a run of no state": (
        "INSERT INTO ops.runs (source, kind, action, state, finished_at) VALUES ('nuget','manual','scan','odd', now())"
    ),
    "a page of no run": "INSERT INTO ops.run_pages (run_id, page_url) VALUES (0, 'u')",
    "a reject accepted without a reason": (
        "INSERT INTO ops.rejected_leaves (leaf_url, package_id, version, kind, commit_ticks, page_url, reason, error, "
        "resolved_at, resolution, why) VALUES ('u', 'A', '1', 'details', 1, 'p', 'r', 'e', now(), 'accepted', '')"
    ),
    "two catalogs": "INSERT INTO ops.catalog (one, name) VALUES (true, 'a'), (false, 'b')",
    "a change that changes nothing": (
        "INSERT INTO enriched.verdict_changes (package_key, package_id, from_verdict, to_verdict, cause) "
        "VALUES ('a', 'A', 'unknown', 'unknown', 'ruleset')"
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_the_schema_refuses(conn: db.Connection, what: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityError):
        conn.execute(BAD[what].encode())


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59.9999999", "2024-05-01T00:31:56.1172119", "1900-01-01T00:00:00"])
def test_postgres_cuts_the_seventh_digit_as_python_does(conn: db.Connection, text: str) -> None:
    value = oracle.ticks(text + "Z")
    assert conn.execute("SELECT raw.at(%s) AS at", (value,)).fetchone() == {"at": oracle.at(value)}


STATEMENTS = sorted(
    path.relative_to(db.SQL).with_suffix("").as_posix()
    for path in db.SQL.rglob("*.sql")
    if path.parent.name not in ("migrations", "operate")  # Those in operate are for an operator's psql.
)


def test_every_statement_is_understood_by_a_migrated_database(conn: db.Connection) -> None:
    for tables in ("events/incoming", "known/tables", "known/touched_table"):
        conn.execute(db.sql(tables))
    failed = {}
    with conn.transaction():
        conn.execute(db.sql("verdicts/judged"))
        for table in ("moved", "relicensed"):
            db.run(conn, f"relicensing/{table}", varied=[])
        for name in STATEMENTS:
            text = db.sql(name).decode()
            body = re.sub(r"^--.*$", "", text, flags=re.MULTILINE).strip()
            if re.match(r"(CREATE|ALTER|COPY|LOCK|DO|SET)\b", body):
                continue
            names = sorted(set(re.findall(r"%\((\w+)\)[sb]", body)))
            body = re.sub(r"%\((\w+)\)[sb]", lambda found, names=names: f"${1 + names.index(found[1])}", body)
            try:
                with conn.transaction():
                    conn.execute(b"PREPARE tried AS " + body.replace("%%", "%").encode())
                    conn.execute("DEALLOCATE tried")
            except psycopg.Error as error:
                failed[name] = str(error).splitlines()[0]
    assert failed == {}


def test_every_statement_is_used_and_every_used_one_is_there() -> None:
    used = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                used.add(node.value)
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                start = str(node.values[0].value)
                used |= {name for name in STATEMENTS if re.fullmatch(r"\w+/", start) and name.startswith(start)}
    folders = {name.partition("/")[0] for name in STATEMENTS}
    assert [name for name in STATEMENTS if name not in used] == []
    wanted = {name for name in used if re.fullmatch(r"\w+(/\w+)+", name) and name.partition("/")[0] in folders}
    assert sorted(wanted - set(STATEMENTS)) == []


def test_migrations_apply_from_zero_once_and_whoever_comes_second_waits(services: Services) -> None:
    with fresh_database(services, None) as url:
        with db.connect(url) as conn, pytest.raises(SchemaBehind, match="has no pkgintel schema yet"):
            migrations.require_schema(conn)
        done: list[list[str]] = []
        threads = [threading.Thread(target=lambda: done.append(migrations.apply(url))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        names = [path.name for _, path in migrations.files()]
        assert sorted(done) == [[], [], names]
        with db.connect(url) as conn:
            migrations.require_schema(conn)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            "DELETE FROM public.pkgintel_migrations WHERE number = 1",
            "The schema is behind: 0001_tables.sql not applied",
        ),
        ("UPDATE public.pkgintel_migrations SET number = 9999 WHERE number = 1", "migration 9999, which this version"),
        ("UPDATE public.pkgintel_migrations SET hash = 'x' WHERE number = 1", "0001 was changed after it had been"),
    ],
)
def test_a_schema_of_another_version_is_refused(conn: db.Connection, change: str, says: str) -> None:
    conn.execute(change.encode())
    with pytest.raises(SchemaBehind, match=re.escape(says)):
        migrations.require_schema(conn)
