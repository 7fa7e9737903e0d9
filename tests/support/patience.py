"""Settings with little patience, for a catalog that lies on this machine."""

from typing import Any

from pkgintel.settings import Deployment


def quick(database_url: str, redis_url: str = "redis://127.0.0.1:1/0", **changes: Any) -> Deployment:
    """Resolved settings with little patience for a catalog that lies in this process."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "redis_url": redis_url,
        "service_index_url": "http://127.0.0.1:9/v3/index.json",
        "request_timeout": 2,
        "request_attempts": 2,
        "max_in_flight": 8,
    }
    return Deployment.model_validate(values | changes)
