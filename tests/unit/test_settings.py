"""Settings: read once, from the environment alone, and every mistake is one sentence."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from celery.schedules import crontab
from hypothesis import given
from hypothesis import strategies as st

from pkgintel.errors import SettingsError
from pkgintel.nuget import instant
from pkgintel.runtime import deployment
from pkgintel.settings import PREFIX, Deployment, Settings, load, unknown_variables


def test_nothing_set_means_the_defaults() -> None:
    assert load({}) == Settings() == load({"PKGINTEL_HOME": "", "HOME": "/x", "PKGINTEL_TYPO": "1"})


def test_every_setting_has_a_variable_and_a_description() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_settings_survive_the_way_through_an_environment() -> None:
    made = Settings(
        database_url="postgresql://a:b@h/d",
        redis_url="redis://h/1",
        since="2026-01-01",
        lost_after=7.5,
        home=Path("/x"),
    )
    assert load(deployment.environment(made)) == made


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", "mysql://root:secret@h/x", "PKGINTEL_DATABASE_URL is wrong: must begin with postgresql://."),
        ("REDIS_URL", "h:6379", "PKGINTEL_REDIS_URL is wrong: must begin with redis:// or rediss://."),
        ("REDIS_URL", "redis://:secret/x@h:6379/0", "PKGINTEL_REDIS_URL is wrong: is no address such as redis://"),
        ("REDIS_URL", "redis://:secret@h:6379/one", "PKGINTEL_REDIS_URL is wrong: is no address such as redis://"),
        ("REDIS_URL", "redis://:secret@h?ssl_cert_reqs=none", "PKGINTEL_REDIS_URL is wrong: must begin with rediss://"),
        (
            "REDIS_URL",
            "rediss://:secret@h?ssl_ca_cert=x",
            "PKGINTEL_REDIS_URL is wrong: may have the parameters ssl_ca",
        ),
        ("REDIS_URL", "rediss://:secret@h?ssl_cert_reqs=yes", "PKGINTEL_REDIS_URL is wrong: must have required, opt"),
        (
            "TEXT_ORIGINS",
            "https://gitlab.com=http://me:secret@127.0.0.1:1",
            "PKGINTEL_TEXT_ORIGINS is wrong: must be pairs such as",
        ),
        (
            "REDIS_URL",
            "rediss://:secret@h?ssl_check_hostname=0",
            "PKGINTEL_REDIS_URL is wrong: must have true or false",
        ),
        (
            "REDIS_URL",
            "rediss://:secret@h?ssl_ca_certs=/no",
            "PKGINTEL_REDIS_URL is wrong: names a file that cannot be",
        ),
        ("SERVICE_INDEX_URL", "ftp://x", "PKGINTEL_SERVICE_INDEX_URL is wrong: must begin with http:// or https://."),
        ("PAGES_PER_SCAN", "many", "PKGINTEL_PAGES_PER_SCAN is wrong (it is 'many'): "),
        ("PAGES_PER_SCAN", "0", "PKGINTEL_PAGES_PER_SCAN is wrong (it is '0'): "),
        ("MAX_IN_FLIGHT", "100000", "PKGINTEL_MAX_IN_FLIGHT is wrong (it is '100000'): "),
        ("REJECT_LIMIT", "2", "PKGINTEL_REJECT_LIMIT is wrong (it is '2'): "),
        ("LICENSE_POLICY", "any", "PKGINTEL_LICENSE_POLICY is wrong (it is 'any'): "),
        ("OVERLAP", "-1", "PKGINTEL_OVERLAP is wrong (it is '-1'): "),
    ],
)
def test_a_wrong_value_is_one_sentence_without_secrets(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        load({PREFIX + name: value})
    assert str(error.value).startswith(says)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)
    assert error.value.exit_code == 2


def test_a_redis_address_with_tls_verifies_and_says_so_to_all_who_read_it(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    for query, means in (
        ("", "ssl_cert_reqs=required"),
        ("?ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs=none"),
        (f"?ssl_ca_certs={ca}", f"ssl_ca_certs={ca}&ssl_cert_reqs=required"),
    ):
        made = load({"PKGINTEL_REDIS_URL": f"rediss://:p%2Fw@h:1/2{query}"})
        assert made.redis_url == f"rediss://:p%2Fw@h:1/2?{means}"
        assert load(deployment.environment(made)).redis_url == made.redis_url


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://a:b@h/d\n")
    assert load({"PKGINTEL_DATABASE_URL_FILE": str(secret)}).database_url == "postgresql://a:b@h/d"
    with pytest.raises(SettingsError, match="names a file that cannot be read"):
        load({"PKGINTEL_DATABASE_URL_FILE": str(tmp_path / "none")})


def test_a_misspelled_variable_is_told_with_the_nearest_name() -> None:
    assert unknown_variables({"PKGINTEL_DATABSE_URL": "x", "PKGINTEL_HOME": "y", "PATH": "z"}) == [
        "PKGINTEL_DATABSE_URL is not a setting of pkgintel; did you mean PKGINTEL_DATABASE_URL?"
    ]
    assert unknown_variables({"PKGINTEL_" + 40 * "Q": "x"}) == [
        "PKGINTEL_" + 40 * "Q" + " is not a setting of pkgintel."
    ]


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().overlap = 1  # type: ignore[misc]


def test_since_is_a_time_as_the_catalog_counts_it() -> None:
    for text in ("2026-09-30", "2026-09-30T00:00:00Z", "2026-09-30T02:00:00+02:00"):
        made = load({"PKGINTEL_SINCE": text})
        assert made.since == instant.ticks("2026-09-30T00:00:00Z")
        assert deployment.environment(made)["PKGINTEL_SINCE"] == "2026-09-30T00:00:00Z"
    exact = "2026-09-30T12:00:00.1234567Z"
    assert load({"PKGINTEL_SINCE": exact}).since == instant.ticks(exact)
    for text in ("soon", "0", "2026-13-01", "2026-09-30 12:00"):
        with pytest.raises(SettingsError, match=r"PKGINTEL_SINCE is wrong \(it is '.*'\): .* is no time; write 2026"):
            load({"PKGINTEL_SINCE": text})


def test_a_deployment_has_both_addresses() -> None:
    addresses = {"PKGINTEL_DATABASE_URL": "postgresql://h/d", "PKGINTEL_REDIS_URL": "redis://h"}
    written = load({**addresses, "PKGINTEL_SINCE": "2026-01-01"})
    made = deployment.resolve(written)
    assert (made.database_url, made.redis_url, made.since) == ("postgresql://h/d", "redis://h", written.since)
    assert made.model_fields_set == written.model_fields_set
    with pytest.raises(ValueError, match="redis_url"):
        Deployment.model_validate({"database_url": "postgresql://h/d"})


@pytest.mark.parametrize("catalog", ["nuget", "ftp://x", ""])
def test_a_catalog_that_is_none_is_refused_before_anything_starts(catalog: str) -> None:
    with pytest.raises(SettingsError, match=r"is neither nuget\.org nor sample nor a URL"):
        deployment.resolve(Settings(home=Path("/nowhere")), catalog)


@pytest.mark.parametrize(
    ("cron", "says"),
    [
        ("hourly", "needs five fields"),
        ("0 6 * *", "needs five fields"),
        ("60 * * * *", "has '60' as minute; it takes 0 to 59"),
        ("0 24 * * *", "has '24' as hour"),
        ("0 0 0 * *", "has '0' as day of month"),
        ("0 0 * foo *", "has 'foo' as month; it takes 1 to 12 or jan to dec"),
        ("0 0 * * 7", "has '7' as day of week; it takes 0 to 6 or sun to sat"),
        ("*/0 * * * *", "has '*/0' as minute"),
        ("*/00 * * * *", "has '*/00' as minute"),
        ("5-1 * * * *", "has '5-1' as minute"),
        ("1,,2 * * * *", "has '' as minute"),
        ("0 0 31 2,4 *", "would never come: no month in it has a day 31"),
    ],
)
def test_a_crontab_that_is_none_is_one_sentence(cron: str, says: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(says)) as told:
        load({"PKGINTEL_NUGET_CRON": cron})
    assert str(told.value).startswith(f"PKGINTEL_NUGET_CRON is wrong (it is {cron!r}): ")


_PARTS = st.sampled_from(
    ["*", "*/2", "1", "0", "5", "31", "1-5", "2-30/3", "mon", "Mon-fri", "jan", "feb-dec/2", "1,2", "x"]
)


@given(st.lists(_PARTS, min_size=5, max_size=5))
def test_every_crontab_that_is_taken_is_one_for_celery_and_comes(fields: list[str]) -> None:
    try:
        taken = load({"PKGINTEL_SPDX_CRON": "  ".join(fields)}).spdx_cron
    except SettingsError:
        return
    assert crontab.from_string(taken).remaining_estimate(datetime.now(UTC)).total_seconds() > -1


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3/cret@h/d",
        "postgresql://u:s3@cret@h/d",
        "postgresql://u:s3#cret@h/d",
        "postgresql://u:cret/s3@h:5432/d?sslmode=require",
    ],
)
def test_a_password_that_would_be_taken_for_a_host_is_not_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="percent-encoded") as refused:
        load({"PKGINTEL_DATABASE_URL": url})
    assert "s3" not in str(refused.value)
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgresql:///name",
        "postgresql://h",
        "postgres://u:s3?cret@h/d",
        "postgresql://u@h:5432,g:5433/d?target_session_attrs=read-write",
        "postgresql://u:p%2Fw%40@[::1]:5432/d?sslrootcert=/etc/ca@home.pem",
        "postgresql:///d?host=/var/run/postgresql",
    ],
)
def test_every_address_that_libpq_reads_without_doubt_stays(url: str) -> None:
    assert load({"PKGINTEL_DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    "url", ["https://ann:s3cret@feed.example/v3/index.json", "http://s3cret@h", "https://a:s3/cret@h/"]
)
def test_the_address_of_a_catalog_holds_no_password(url: str) -> None:
    with pytest.raises(SettingsError, match="may hold no user and password") as refused:
        load({"PKGINTEL_SERVICE_INDEX_URL": url})
    assert "s3" not in str(refused.value)
    with pytest.raises(SettingsError, match="may hold no user and password") as refused:
        deployment.require_catalog(url)
    assert "s3" not in str(refused.value)


def test_a_binary_file_and_a_broken_header_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00s3cret")
    with pytest.raises(SettingsError, match="holds no text") as refused:
        load({"PKGINTEL_DATABASE_URL_FILE": str(tmp_path / "binary")})
    assert "s3cret" not in str(refused.value)
    for agent in ("me\r\nX-Evil: 1", "me\nyou", "mé you"):
        with pytest.raises(SettingsError, match="one line of printable ASCII") as refused:
            load({"PKGINTEL_USER_AGENT": agent})
        assert "\n" not in str(refused.value)
