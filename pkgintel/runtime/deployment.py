"""Where this process works: the settings with every address filled in, the embedded services found or started.

An unset PKGINTEL_DATABASE_URL or PKGINTEL_REDIS_URL means the embedded one. Embedded, each catalog has a database of
its own; the one used last is the default of whoever names none.
"""

from collections.abc import Callable

from pkgintel.errors import ServiceUnavailable, SettingsError
from pkgintel.sample import texts
from pkgintel.settings import NUGET_ORG, PREFIX, Deployment, Settings, without_password

SAMPLE = "sample"


def resolve(settings: Settings, catalog: str | None = None, say: Callable[[str], None] | None = None) -> Deployment:
    """`settings` with every address filled in, for `catalog`: "nuget.org", "sample", a URL, or None for the default.

    The default is PKGINTEL_SERVICE_INDEX_URL where it is set, else the catalog that a running `pkgintel up` follows,
    else the one that the embedded services used last, else nuget.org. The sample is served by the embedded services.
    Raises: ServiceUnavailable when an embedded service cannot be started, SettingsError for a name that is no catalog.
    """
    require_catalog(catalog)
    embedded = settings.database_url is None or settings.redis_url is None
    if not embedded and catalog != SAMPLE:
        return _deployed(settings, _sources(catalog))
    from pkgintel.local import (
        follower,  # Slow to import, and not needed where both addresses are set.
        services,
    )

    held = services.hold(settings, say)
    if catalog is None and "service_index_url" not in settings.model_fields_set:
        catalog = follower.catalog(held.home) or held.last_catalog()
    update = _sources(catalog)
    if catalog == SAMPLE:
        update |= _sample(settings, held.sample_url())
    if embedded:
        name = catalog or update.get("service_index_url", settings.service_index_url)
        postgres, redis = held.database(name)
        update |= {"database_url": settings.database_url or postgres, "redis_url": settings.redis_url or redis}
    return _deployed(settings, update)


def choice(settings: Settings) -> str | None:
    """Which of several catalogs a command means that names none, and why; None where there is no choice.

    Raises: ServiceUnavailable.
    """
    if settings.database_url is not None or "service_index_url" in settings.model_fields_set:
        return None
    from pkgintel.local import (
        follower,  # As above.
        services,
    )

    held = services.hold(settings)
    followed = follower.catalog(held.home)
    meant = followed or held.last_catalog() or "nuget.org"
    others = [name for name in held.catalogs() if services.database_name(name) != services.database_name(meant)]
    if not others:
        return None
    why = "which `pkgintel up` follows now" if followed else "the one used last"
    return f"catalog {meant}, {why} ({settings.home} also has {', '.join(others)})"


def followed(given: Settings) -> str | None:
    """The catalog that a running `pkgintel up` follows, or None."""
    if given.database_url is not None and given.redis_url is not None:
        return None
    from pkgintel.local import follower  # As above.

    return follower.catalog(given.home)


def follow(given: Settings, catalog: str | None) -> str | None:
    """While this process runs, commands that name no catalog mean the one that it was resolved for.

    The catalog that they mean instead, where another process follows one already; None where they mean this one.
    """
    if given.database_url is not None and given.redis_url is not None:
        return None
    from pkgintel.local import (
        follower,  # As above.
        services,
    )

    held = services.hold(given)
    named = given.service_index_url if "service_index_url" in given.model_fields_set else None
    meant = catalog or named or follower.catalog(held.home) or held.last_catalog() or "nuget.org"
    return None if follower.begin(held.home, meant) else follower.catalog(held.home)


def _deployed(settings: Settings, update: dict[str, str]) -> Deployment:
    return Deployment.model_validate(settings.model_dump(exclude_unset=True) | update)


def require_catalog(catalog: str | None) -> None:
    """Raises: SettingsError unless `catalog` (None for the default) can be one."""
    if catalog is None:
        return
    if catalog not in ("nuget.org", SAMPLE) and not catalog.startswith(("http://", "https://")):
        raise SettingsError(f"--catalog {catalog} is neither nuget.org nor sample nor a URL beginning with http.")
    try:
        without_password(catalog)
    except ValueError as error:
        raise SettingsError(f"--catalog {error}.") from None


def remember(given: Settings, catalog: str) -> None:
    """Make `catalog` what commands mean that name none, where `given` leaves a service to the embedded ones."""
    if given.database_url is None or given.redis_url is None:
        from pkgintel.local import services  # As above.

        services.hold(given).remember_catalog(catalog)


def _sources(catalog: str | None) -> dict[str, str]:
    if catalog is None or catalog == SAMPLE:
        return {}
    return {"service_index_url": NUGET_ORG if catalog == "nuget.org" else catalog}


def _sample(settings: Settings, index: str) -> dict[str, str]:
    """The sample serves an SPDX list and license files too; what was set by name wins over them."""
    root = index.removesuffix("/v3/index.json")
    update = {"service_index_url": index}
    for name in ("spdx_licenses_url", "spdx_exceptions_url"):
        if name not in settings.model_fields_set:
            update[name] = f"{root}/spdx/{name.split('_')[1]}.json"
    if "text_origins" not in settings.model_fields_set:
        update["text_origins"] = texts.places(root)
    return update


def require_home(settings: Settings) -> None:
    """For commands that only look: they start the embedded services of a home, but never make one.

    Raises: ServiceUnavailable when the embedded services are meant and nothing was ever stored there, or the home
    cannot be read.
    """
    if settings.database_url is not None and settings.redis_url is not None:
        return
    try:
        stored = (settings.home / "postgres").exists()
    except OSError as error:
        raise ServiceUnavailable(
            f"{settings.home.absolute()} cannot be read by this user ({error.strerror}): set PKGINTEL_HOME to a "
            "directory of your own, or change its owner."
        ) from None
    if not stored:
        raise ServiceUnavailable(
            f"Nothing is stored in {settings.home.absolute()} yet: begin with `pkgintel run`, stand in the directory "
            "where you ran it, or set PKGINTEL_HOME."
        )


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give a child process these settings, with nothing left to find out."""
    values = {**settings.model_dump(exclude_none=True), "home": settings.home.absolute()}
    return {PREFIX + name.upper(): str(value) for name, value in values.items()}
