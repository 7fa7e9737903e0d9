"""The sample catalog as a NuGet V3 source: service index, catalog index, pages, leaves, and the SPDX lists beside them.

The documents have the shapes and oddities of nuget.org's (each is named where it is made). The SPDX lists are the
official ones that ship inside the `reuse` package.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from pkgintel.errors import ServiceUnavailable
from pkgintel.nuget import version
from pkgintel.nuget.documents import package_key
from pkgintel.nuget.instant import timestamp
from pkgintel.sample import texts
from pkgintel.sample.facts import draw
from pkgintel.sample.history import OVERLAPPING, SPLIT_COMMIT, SampleEvent, Stage, history, increments
from pkgintel.sample.leaf import commit_id, leaf, leaf_path, nuspec, rendered
from pkgintel.sample.texts import FLAT_CONTAINER

SERVICE_INDEX = "/v3/index.json"
CATALOG_INDEX = "/v3/catalog0/index.json"
SPDX_LICENSES = "/spdx/licenses.json"
SPDX_EXCEPTIONS = "/spdx/exceptions.json"

# A page is closed by the commit that brings it to this many items; nuget.org's hold 550 to 2,750.
_PAGE_FULL = 40
_NO_COMMIT = str(uuid.UUID(int=0))

# As in the real service index: types repeat, comments may be missing, the catalog is one of many.
_RESOURCES = (
    ("/query", "SearchQueryService", "Query endpoint of NuGet Search service (primary)"),
    ("/query-secondary", "SearchQueryService", "Query endpoint of NuGet Search service (secondary)"),
    ("/v3/registration5-semver1/", "RegistrationsBaseUrl", "Base URL of NuGet package registration info"),
    (FLAT_CONTAINER, "PackageBaseAddress/3.0.0", "Base URL of where NuGet packages are stored"),
    ("/api/v2", "LegacyGallery", None),
    ("/api/v2", "LegacyGallery/2.0.0", None),
    ("/v3/registration5-gz-semver2/", "RegistrationsBaseUrl/3.6.0", "Base URL of package registration info, gzipped"),
    (CATALOG_INDEX, "Catalog/3.0.0", "Index of the NuGet package catalog."),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample catalog up to `stage`: 1 is the first part of the history, 2 both parts.

    Stage 2 holds all documents of stage 1; only the index and the open last page have grown in place.
    """

    stage: Stage = 1

    @property
    def events(self) -> list[SampleEvent]:
        """What has happened so far, oldest first."""
        return history() + (increments() if self.stage == 2 else [])

    def documents(self, base_url: str) -> Mapping[str, bytes]:
        """Every document by its path ("/v3/index.json"), percent-encoded as in its address below `base_url`.

        Raises: ServiceUnavailable when the `reuse` package, which holds the SPDX lists, is not installed.
        """
        base = base_url.rstrip("/")
        pages = _pages(self.events)
        leaves = {leaf_path(event): leaf(event, base) for event in self.events}
        numbered = {f"/v3/catalog0/page{number}.json": page for number, page in enumerate(pages)}
        return {
            SERVICE_INDEX: _service_index(base),
            CATALOG_INDEX: _catalog_index(numbered, self.events, base),
            SPDX_LICENSES: _spdx("licenses.json"),
            SPDX_EXCEPTIONS: _spdx("exceptions.json"),
            **{path: _page(path, page, base) for path, page in numbered.items()},
            **leaves,
            **texts.documents(self.events),
        }

    def contents(self) -> Mapping[str, bytes]:
        """What lies at the source's PackageBaseAddress: the versions of each package, and their nuspecs.

        Source: NuGet docs "Package content". Unlisted versions lie there too, deleted ones do not.
        """
        standing: dict[str, dict[str, SampleEvent]] = {}
        for event in self.events:
            versions = standing.setdefault(quote(package_key(event.package_id)), {})
            key = version.parse(event.version).key
            if event.kind == "delete":
                versions.pop(key, None)
            else:
                versions[key] = event
        found: dict[str, bytes] = {}
        for name, versions in standing.items():
            folder = f"{FLAT_CONTAINER}{name}/"
            ordered = sorted(versions, key=lambda key: version.parse(key).order)
            found[folder + "index.json"] = json.dumps({"versions": ordered}).encode()
            found |= {f"{folder}{key}/{name}.nuspec": nuspec(event) for key, event in versions.items()}
        return found


def _pages(events: Iterable[SampleEvent]) -> list[list[SampleEvent]]:
    """The events on pages, oldest first. A page depends on earlier events only, so it never changes once it is closed.

    Two real accidents are played again: one commit on two pages with a leaf on both, and two pages that overlap.
    """
    pages: list[list[SampleEvent]] = [[]]
    overtaken: list[SampleEvent] = []
    for stamp, group in groupby(events, key=lambda event: event.commit):
        commit = list(group)
        if stamp == OVERLAPPING[0]:
            overtaken = commit
        elif stamp == OVERLAPPING[1]:
            pages[-1] += commit
            pages.append(overtaken)
        elif stamp == SPLIT_COMMIT:
            half = len(commit) // 2
            pages[-1] += commit[: half + 1]
            pages.append(commit[half:])
        else:
            if len(pages[-1]) >= _PAGE_FULL:
                pages.append([])
            pages[-1] += commit
    return pages


def _service_index(base: str) -> bytes:
    resources = [
        {"@id": base + path, "@type": kind, **({"comment": comment} if comment else {})}
        for path, kind, comment in _RESOURCES
    ]
    context = {
        "@vocab": "http://schema.nuget.org/services#",
        "comment": "http://www.w3.org/2000/01/rdf-schema#comment",
    }
    document = {"version": "3.0.0", "resources": resources, "@context": context}
    return json.dumps(document, separators=(",", ":")).encode()


def _catalog_index(pages: Mapping[str, list[SampleEvent]], events: list[SampleEvent], base: str) -> bytes:
    """The index: its items in no order, one of them with a commit id of zeros, as on nuget.org."""
    newest = max(event.commit for event in events)
    items = [
        {
            "@id": base + path,
            "@type": "CatalogPage",
            "commitId": _NO_COMMIT if path.endswith("/page3.json") else commit_id(_newest(page)),
            "commitTimeStamp": timestamp(_newest(page)),
            "count": len(page),
        }
        for path, page in pages.items()
    ]
    details = [event for event in events if event.kind == "details"]
    document = {
        "@id": base + CATALOG_INDEX,
        "@type": ["CatalogRoot", "AppendOnlyCatalog", "Permalink", "PkgintelSample"],
        "commitId": commit_id(newest),
        "commitTimeStamp": timestamp(newest),
        "count": len(items),
        "nuget:lastCreated": timestamp(max(event.created for event in details)),
        "nuget:lastDeleted": timestamp(max(event.commit for event in events if event.kind == "delete")),
        "nuget:lastEdited": timestamp(max(event.edited for event in details)),
        "items": sorted(items, key=lambda item: draw(2**32, str(item["@id"]).removeprefix(base), "order")),
    }
    return rendered(document, "index")


def _page(path: str, page: list[SampleEvent], base: str) -> bytes:
    """A page, its newest item first."""
    items = [
        {
            "@id": base + leaf_path(event),
            "@type": "nuget:PackageDelete" if event.kind == "delete" else "nuget:PackageDetails",
            "commitId": commit_id(event.commit),
            "commitTimeStamp": timestamp(event.commit),
            "nuget:id": event.package_id,
            "nuget:version": event.version,
        }
        for event in sorted(page, key=lambda event: -event.commit)
    ]
    document = {
        "@id": base + path,
        "@type": "CatalogPage",
        "commitId": commit_id(_newest(page)),
        "commitTimeStamp": timestamp(_newest(page)),
        "count": len(items),
        "parent": base + CATALOG_INDEX,
        "items": items,
    }
    return rendered(document, "index")


def _newest(page: list[SampleEvent]) -> int:
    return max(event.commit for event in page)


def lists() -> tuple[bytes, bytes]:
    """The official SPDX lists, licenses and exceptions, that came with the `reuse` package.

    Raises: ServiceUnavailable where it is not installed.
    """
    return _spdx("licenses.json"), _spdx("exceptions.json")


@cache
def _spdx(name: str) -> bytes:
    """An official SPDX list out of the `reuse` package, found without importing that package."""
    spec = find_spec("reuse")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "resources" / name
        if path.is_file():
            return path.read_bytes()
    raise ServiceUnavailable(
        "The sample catalog takes its SPDX lists from the Python package reuse, which is not installed here: "
        "pip install 'pkgintel[embedded]'."
    )
