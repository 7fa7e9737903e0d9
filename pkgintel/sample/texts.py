"""The license files of the sample: those inside its packages, and those on the code hosts that its packages name.

The texts are of licenses that SPDX lists, one of them closed, and made-up terms in words of our own.
"""

import csv
from collections.abc import Iterable, Mapping
from importlib import resources

from pkgintel.nuget import version
from pkgintel.nuget.documents import package_key
from pkgintel.sample.history import SampleEvent

FLAT_CONTAINER = "/v3-flatcontainer/"
# The sample stands in for these hosts, so that it is read without a network.
HOSTS = ("raw.githubusercontent.com", "gitlab.com", "bitbucket.org")


def places(base_url: str) -> str:
    """The setting PKGINTEL_TEXT_ORIGINS that leads to the sample at `base_url`."""
    return ",".join(f"https://{host}={base_url}" for host in HOSTS)


def documents(events: Iterable[SampleEvent]) -> Mapping[str, bytes]:
    """Every license file by its path: `/v3-flatcontainer/ID/VERSION/license`, `/OWNER/REPOSITORY/REF/PATH`."""
    folder = resources.files("pkgintel.sample")
    lines = folder.joinpath("texts.csv").read_text(encoding="utf-8").splitlines()
    rows = {row["place"]: row["text"] for row in csv.DictReader(line for line in lines if not line.startswith("#"))}
    texts = {name: folder.joinpath("texts", f"{name}.txt").read_bytes() for name in set(rows.values())}
    inside = {package_key(place): texts[name] for place, name in rows.items() if "/" not in place}
    found = {f"/{place}": texts[name] for place, name in rows.items() if "/" in place}
    for event in events:
        key = package_key(event.package_id)
        if event.license_file and key in inside:
            found[f"{FLAT_CONTAINER}{key}/{version.parse(event.version).key}/license"] = inside[key]
    return found
