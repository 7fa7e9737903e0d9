"""A database that an earlier release filled opens without a manual step, and its verdicts follow."""

import pytest

from pkgintel import database as db
from pkgintel.database import migrations
from pkgintel.local.services import Services
from pkgintel.pipeline import classify
from tests.support.classified import keep, small_list
from tests.support.databases import fresh_database
from tests.support.patience import quick

LINK = "http://go.microsoft.com/fwlink/?LinkId=329770"
# Two versions of a package and its verdict, as the release before eras left them.
STORED = """
    INSERT INTO raw.nuget_versions (package_key, version_key, package_id, version, license_expression, license_url,
                                    listed, is_prerelease, created, sort_key, details_ticks, details_url, raw)
    VALUES ('a', '1.0.0', 'A', '1.0.0', 'MIT', NULL, true, false, '2019-01-01Z',
            '\\x0000000000000000000000000000000001', 1, 'u1', '{}'),
           ('a', '2.0.0', 'A', '2.0.0', NULL, %(link)s, true, false, '2020-01-01Z',
            '\\x0000000000000000000000000000000002', 2, 'u2', '{}');
    INSERT INTO raw.nuget_packages (package_key, package_id, latest_version, license_url, state, commit_ticks,
                                    declaration)
    VALUES ('a', 'A', '2.0.0', %(link)s, 'listed', 2, raw.declaration(NULL, NULL, %(link)s));
    INSERT INTO raw.license_declarations
    SELECT declaration, license_expression, license_file, license_url FROM raw.nuget_versions;
    INSERT INTO enriched.declaration_verdicts
    SELECT declaration, 'unknown', 'url-not-recognised', 'old', '{}', '{}', 'ruleset 1' FROM raw.license_declarations;
    INSERT INTO enriched.nuget_package_oss_status
        (package_key, package_id, verdict, rule, reason, evidence, judged_version, license_url, spdx_list_version,
         ruleset, policy, declaration, source_commit_timestamp)
    SELECT 'a', 'A', 'unknown', 'url-not-recognised', 'old', '{}', '2.0.0', license_url, '1', 1, 'osi-or-fsf',
           declaration, commit_timestamp
    FROM raw.nuget_packages;
    INSERT INTO enriched.classification (basis, system_id, seen_before)
    SELECT 'ruleset 1', system_identifier::text, pg_snapshot_xmin(pg_current_snapshot()) FROM pg_control_system()
"""


def test_a_database_of_an_earlier_release_opens_and_is_judged_again(services: Services, redis_url: str) -> None:
    every = migrations.files()
    with fresh_database(services, None) as url:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(migrations, "files", lambda: [one for one in every if one[0] <= 6])
            migrations.apply(url)
        with db.connect(url) as conn:
            for statement in STORED.split(";\n"):
                conn.execute(statement, {"link": LINK} if "%(link)s" in statement else None)
        assert len(migrations.apply(url)) == len(every) - 6
        with db.connect(url) as conn:
            known = conn.execute(
                "SELECT version, read_at IS NOT NULL AS read FROM raw.nuget_versions ORDER BY 1"
            ).fetchall()
            assert known == [{"version": "1.0.0", "read": True}, {"version": "2.0.0", "read": True}]
            keep(conn, small_list("1"))
            done = classify.classify(conn, quick(url, redis_url))
            assert (done.decided, done.changed, done.relicensed) == (1, 1, 1)
            row = conn.execute("SELECT * FROM enriched.nuget_package_oss_status").fetchone()
            assert row is not None
            assert (row["verdict"], row["rule"]) == ("proprietary", "url-closed")
            assert (row["last_open_version"], row["last_open_ids"], row["different_since"]) == (
                "1.0.0",
                ["MIT"],
                "2.0.0",
            )
            assert classify.classify(conn, quick(url, redis_url)).idle
