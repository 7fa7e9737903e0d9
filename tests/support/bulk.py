"""Large tables made by SQL alone, in seconds: for the tests of growth and the benchmark."""

from pkgintel import database

_DECLARED = """
    CASE WHEN p %% 2 = 0
         THEN (ARRAY['MIT', 'Apache-2.0', 'BSD-3-Clause', 'MPL-2.0', 'GPL-3.0-only', 'ISC'])[1 + p / 2 %% 6]
    END AS license_expression,
    CASE WHEN p %% 2 = 1 AND p %% 10 = 1 THEN 'LICENSE.txt' END AS license_file,
    CASE WHEN p %% 2 = 1 AND p %% 10 <> 1
         THEN 'https://github.com/bulk/project' || p %% %(urls)s || '/blob/main/LICENSE' END AS license_url
"""


def fill(conn: database.Connection, packages: int, each: int = 1, *, urls: int = 12_000, derive: bool = True) -> None:
    """`packages` packages of `each` versions, their declarations (about `urls` distinct ones), and their package rows.

    With `derive` off the package rows are only stubs.
    """
    conn.execute(
        f"""
        INSERT INTO raw.read_versions
            (package_key, version_key, package_id, version, license_expression, license_file, license_url, project_url,
             listed, is_prerelease, sort_key, details_ticks, details_url, raw)
        SELECT 'bulk.package' || p, '1.' || n || '.0', 'Bulk.Package' || p, '1.' || n || '.0',
               license_expression, license_file, license_url, 'https://github.com/bulk/project' || p,
               true, n %% 5 = 4, '\\x00000001'::bytea || int4send(n) || '\\x000000000000000001'::bytea,
               17145216000000000 + (p::bigint * %(each)s + n) * 7, 'http://127.0.0.1:9/' || p || '.' || n || '.json',
               jsonb_build_object('id', 'Bulk.Package' || p, 'description', repeat(md5(p::text), 12))
        FROM (SELECT p, {_DECLARED} FROM generate_series(1, %(packages)s) AS p) AS package,
             generate_series(0, %(each)s - 1) AS n
        """,  # noqa: S608
        {"packages": packages, "each": each, "urls": urls},
    )
    conn.execute(
        f"""
        INSERT INTO raw.nuget_packages
            (package_key, package_id, latest_version, license_expression, license_file, license_url, project_url, state,
             commit_ticks, raw, declaration)
        SELECT 'bulk.package' || p, 'Bulk.Package' || p, CASE WHEN %(derive)s THEN '1.0.0' END, license_expression,
               license_file, license_url, 'https://github.com/bulk/project' || p,
               CASE WHEN %(derive)s THEN 'listed' ELSE 'deleted' END, 17145216000000000 + (p::bigint * %(each)s) * 7,
               jsonb_build_object('id', 'Bulk.Package' || p, 'description', repeat(md5(p::text), 12)),
               CASE WHEN %(derive)s THEN raw.declaration(license_expression, license_file, license_url) END
        FROM (SELECT p, {_DECLARED} FROM generate_series(1, %(packages)s) AS p) AS package
        """,  # noqa: S608
        {"packages": packages, "each": each, "urls": urls, "derive": derive},
    )
    conn.execute(
        """
        INSERT INTO raw.license_declarations (declaration, license_expression, license_file, license_url)
        SELECT DISTINCT raw.declaration(license_expression, license_file, license_url), license_expression,
               license_file, license_url
        FROM raw.nuget_packages ON CONFLICT DO NOTHING
        """
    )
    conn.execute("ANALYZE raw.read_versions, raw.nuget_packages, raw.license_declarations")
