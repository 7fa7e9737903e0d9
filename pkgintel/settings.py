"""What the pipeline is about: one frozen object read once from `PKGINTEL_*` variables.

How work travels (queues, retries, the clock) is `celeryconfig.py`'s business, and nothing is said in both.
"""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, field_validator

from pkgintel import __version__
from pkgintel.errors import SettingsError
from pkgintel.nuget import instant

PREFIX = "PKGINTEL_"
_UNAMBIGUOUS = re.compile(r"postgres(ql)?://([^/@?#]*@)?[^/@?#]*(/[^/@?#]*)?")
NUGET_ORG = "https://api.nuget.org/v3/index.json"
SPDX_LICENSES = "https://raw.githubusercontent.com/spdx/license-list-data/main/json/licenses.json"
SPDX_EXCEPTIONS = "https://raw.githubusercontent.com/spdx/license-list-data/main/json/exceptions.json"

# What the address of a Redis may say about TLS; pkgintel/runtime/broker.py passes it on in each library's words.
REDIS_PARAMETERS = ("ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile")


def _ticks(value: Any) -> Any:
    """Text becomes ticks; all else is left to Pydantic."""
    return instant.written(value) if isinstance(value, str) else value


# Ticks of the catalog, which an environment has as text.
Time = Annotated[int, BeforeValidator(_ticks), PlainSerializer(instant.timestamp)]


# The fields of a crontab as both cron and Celery understand them. Source: crontab(5), celery.schedules.crontab.
_CRONTAB = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of week", 0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_PART = re.compile(r"(?:\*|([a-z0-9]+)-([a-z0-9]+))(?:/([0-9]+))?|([a-z0-9]+)")  # A step is that of a range or of all.
_LONGEST = dict(zip(range(1, 13), (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))


def _numbers(field: str, name: str, first: int, last: int, names: tuple[str, ...]) -> set[int]:
    """What a field of a crontab stands for. Raises: ValueError."""
    numbers = {str(number): number for number in range(first, last + 1)}
    numbers |= {word: first + place for place, word in enumerate(names)}
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        begin, end, step, single = match.groups() if match else (None, None, None, "")
        if single is not None:
            begin = end = single
        elif begin is None:  # All of them, an asterisk.
            begin, end = str(first), str(last)
        if begin not in numbers or end not in numbers or numbers[begin] > numbers[end] or (step and int(step) == 0):
            words = f" or {names[0]} to {names[-1]}" if names else ""
            raise ValueError(f"has {part!r} as {name}; it takes {first} to {last}{words}, ranges such as 1-5, *, */2")
        found |= set(range(numbers[begin], numbers[end] + 1, int(step or 1)))
    return found


class Settings(BaseModel):
    """Every setting as it was written, with its default; durations are seconds, sizes are bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(Path(".pkgintel"), description="where the embedded Postgres, Redis and sample keep their files")
    database_url: str | None = Field(None, description="Postgres; unset means the embedded one")
    redis_url: str | None = Field(None, description="Redis; unset means the embedded one")
    service_index_url: str = Field(NUGET_ORG, description="the NuGet V3 service index, or a catalog index")
    spdx_licenses_url: str = Field(SPDX_LICENSES, description="the SPDX license list (licenses.json)")
    spdx_exceptions_url: str = Field(SPDX_EXCEPTIONS, description="the SPDX exceptions (exceptions.json)")
    user_agent: str = Field(
        f"pkgintel/{__version__} (+https://github.com/pkgintel/pkgintel; set PKGINTEL_USER_AGENT to your contact)",
        min_length=3,
        description="names the project and a contact to the servers it asks",
    )
    license_policy: Literal["osi-or-fsf", "osi"] = Field(
        "osi-or-fsf", description="which approval makes a license open"
    )
    read: Literal["all", "speaking"] = Field(
        "all", description="which leaves are read in the end: all, or only what can speak for a package"
    )
    since: Time | None = Field(None, description="where an empty database starts reading the catalog (ISO 8601, UTC)")
    pages_per_scan: int = Field(500, ge=1, le=5000, description="most pages in one scan, and so in one chord")
    max_in_flight: int = Field(64, ge=1, le=1024, description="HTTP requests in flight, for the whole fleet")
    reject_limit: float = Field(0.01, ge=0, le=1, description="share of a run's leaves that may be rejected")
    overlap: float = Field(3600, ge=0, description="seconds before the watermark that a scan lists again")
    lost_after: float = Field(120, ge=1, description="seconds without a heartbeat until a run counts as lost")
    request_timeout: float = Field(30, gt=0, description="seconds a single request may take without progress")
    request_attempts: int = Field(5, ge=1, le=20, description="tries of one request before its page fails")
    max_page_bytes: int = Field(16_000_000, ge=1000, description="largest index, page or list, decompressed")
    max_leaf_bytes: int = Field(16_000_000, ge=1000, description="largest leaf, decompressed")
    fresh_packages: float = Field(12 * 3600, gt=0, description="seconds until raw_nuget_packages is stale")
    fresh_licenses: float = Field(10 * 86400, gt=0, description="seconds until raw_spdx_licenses is stale")
    fresh_verdicts: float = Field(
        24 * 3600, gt=0, description="seconds until enriched_nuget_package_oss_status is stale"
    )
    fresh_texts: float = Field(10 * 86400, gt=0, description="seconds until raw_license_texts is stale")
    keep_pages: float = Field(30 * 86400, ge=3600, description="seconds that the pages of ended runs are kept")
    keep_checks: float = Field(30 * 86400, ge=3600, description="seconds that results of checks are kept")
    keep_bodies: float = Field(30 * 86400, ge=3600, description="seconds that bodies of resolved rejects are kept")
    texts_per_day: int = Field(5000, ge=0, description="license files that are asked for in 24 hours, at most")
    text_origins: str | None = Field(
        None, description="where connections for a code host go instead: https://host=http://127.0.0.1:8080,…"
    )
    github_token: str | None = Field(None, repr=False, description="shown to raw.githubusercontent.com, for its limits")
    nuget_cron: str = Field("0 */6 * * *", description="when the tick nuget looks for new pages (crontab, UTC)")
    spdx_cron: str = Field("0 6 * * 1", description="when the tick spdx fetches the license list (crontab, UTC)")
    texts_cron: str = Field("0 3 * * *", description="when the tick texts reads license files (crontab, UTC)")
    log_format: Literal["text", "json"] = Field("text", description="how log lines are written")

    @field_validator("nuget_cron", "spdx_cron", "texts_cron")
    @classmethod
    def _crontab(cls, value: str) -> str:
        fields = value.lower().split()
        if len(fields) != len(_CRONTAB):
            raise ValueError("needs five fields: minute, hour, day of month, month, day of week, such as 0 */6 * * *")
        _, _, days, months, _ = (_numbers(field, *of) for field, of in zip(fields, _CRONTAB, strict=True))
        if min(days) > max(_LONGEST[month] for month in months):
            raise ValueError(f"would never come: no month in it has a day {min(days)}")
        return " ".join(fields)

    @field_validator("text_origins")
    @classmethod
    def _places(cls, value: str | None) -> str | None:
        if value is not None:
            places_of(value)
        return value

    @field_validator("github_token")
    @classmethod
    def _one_word(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[!-~]+", value):
            raise ValueError("must be one word of printable ASCII")
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        # libpq would take a part of such a password for the host, and say its name in every message.
        if value is not None and not _UNAMBIGUOUS.fullmatch(value.partition("?")[0]):
            raise ValueError(
                "is no address such as postgresql://user:password@host/name; the special characters of a password "
                "(/, @, #) have to be percent-encoded"
            )
        return value

    @field_validator("user_agent")
    @classmethod
    def _one_header(cls, value: str) -> str:
        if not (value.isascii() and value.isprintable()):
            raise ValueError("must be one line of printable ASCII")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.startswith(("redis://", "rediss://")):
            raise ValueError("must begin with redis:// or rediss://")
        try:
            parts = urlsplit(value)
            known = parts.port != 0 and (not parts.path.strip("/") or parts.path.strip("/").isdecimal())
        except ValueError:
            known = False
        if not known:
            raise ValueError("is no address such as redis://host:6379/0; a password in it has to be percent-encoded")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if unknown := sorted(set(query) - set(REDIS_PARAMETERS)):
            raise ValueError(f"may have the parameters {', '.join(REDIS_PARAMETERS)}, and not {unknown[0]}")
        if parts.scheme == "redis":
            if query:
                raise ValueError("must begin with rediss:// where it says something about TLS")
            return value
        return parts._replace(query=urlencode(_tls(query), safe="/")).geturl()

    @field_validator("service_index_url", "spdx_licenses_url", "spdx_exceptions_url")
    @classmethod
    def _http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return without_password(value)


def places_of(text: str | None) -> dict[str, str]:
    """`PKGINTEL_TEXT_ORIGINS` read: "https://host" → the origin that is connected to in its stead.

    Raises: ValueError, which says what is wrong with it.
    """
    places = {}
    for pair in filter(None, map(str.strip, text.split(",") if text is not None else ())):
        host, _, place = pair.partition("=")
        if not re.fullmatch(r"https://[a-z0-9.-]+", host) or not re.fullmatch(r"https?://[^/?#@\s]+", place):
            raise ValueError("must be pairs such as https://raw.githubusercontent.com=http://127.0.0.1:8080")
        places[host] = without_password(place)
    return places


def without_password(address: str) -> str:
    """The address of a document, which is shown and stored and so may hold nothing secret.

    Raises: ValueError, which does not say what it was.
    """
    parts = urlsplit(address)
    try:
        bare = parts.username is None and (parts.port is None or parts.port > 0)
    except ValueError:  # It would say what it took for a port.
        bare = False
    if not bare:
        raise ValueError("may hold no user and password, for addresses are stored and shown")
    return address


class Deployment(Settings):
    """The settings of a process that works, every address filled in."""

    database_url: str = Field(description="Postgres")
    redis_url: str = Field(description="Redis")


def _tls(query: dict[str, str]) -> dict[str, str]:
    """What an address says about TLS, in words that every reader knows. Without any, certificates are verified."""
    # Celery's own words for the same, which others refuse.
    wanted = query.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    if wanted not in ("required", "optional", "none"):
        raise ValueError("must have required, optional or none as ssl_cert_reqs")
    for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
        if name in query and not os.access(query[name], os.R_OK):
            raise ValueError(f"names a file that cannot be read as {name}: {query[name]}")
    if query.get("ssl_check_hostname", "true").lower() not in ("true", "false"):
        raise ValueError("must have true or false as ssl_check_hostname")
    return {**query, "ssl_cert_reqs": wanted}


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process.

    A name with `_FILE` behind it is read from that file (for secrets). Empty values count as unset.

    Raises: SettingsError with one sentence that names the variable, what was wrong and what is allowed.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, str] = {}
    for variable, value in sorted(environ.items()):
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or not value:
            continue
        if name.endswith("_file") and name.removesuffix("_file") in Settings.model_fields:
            try:
                value, name = Path(value).read_text().strip(), name.removesuffix("_file")
            except OSError as error:
                raise SettingsError(f"{variable} names a file that cannot be read: {error.strerror}: {value}") from None
            except UnicodeDecodeError:
                raise SettingsError(f"{variable} names a file that holds no text: {value}") from None
        if name in Settings.model_fields:
            values[name] = value
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        variable = PREFIX + str(first["loc"][0]).upper()
        says = first["msg"].removeprefix("Value error, ")
        # A value that may hold a password is not shown.
        shown = "" if variable.endswith(("_URL", "_TOKEN", "_ORIGINS")) else f" (it is {str(first['input'])!r})"
        raise SettingsError(f"{variable} is wrong{shown}: {says[:1].lower()}{says[1:]}.") from None


def unknown_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """One sentence for each `PKGINTEL_` variable that means nothing, with the nearest name that does."""
    environ = os.environ if environ is None else environ
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    known += [name + "_FILE" for name in known]
    sentences = []
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in known:
            near = difflib.get_close_matches(variable, known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else "."
            sentences.append(f"{variable} is not a setting of pkgintel{hint}")
    return sentences
