"""What is no manifest of NuGet's, or broken in a part, is never an empty solution that passes."""

import json

import pytest

from pkgintel.audit.manifests import sniff
from pkgintel.errors import ManifestUnreadable


@pytest.mark.parametrize(
    "document",
    [
        {"name": "shop", "version": "1.0.0", "dependencies": {"react": "^18.0.0"}},
        {"name": "shop", "dependencies": {"react": "^18.0.0"}},
        {"name": "shop", "version": "1.0.0", "dependencies": {}},
        {"version": "1.0.0-*", "dependencies": {"NUnit": "3.5.0", "Moq": {"version": "4.0.0", "type": "build"}}},
        {"dependencies": {"NUnit": "3.5.0", "Moq": {"version": "4.0.0"}}, "frameworks": {"net45": {}}},
        {
            "name": "shop",
            "lockfileVersion": 1,
            "dependencies": {"react": {"version": "18.0.0", "resolved": "https://x"}},
        },
    ],
    ids=["package.json", "without a version", "without packages", "project.json", "older", "package-lock.json"],
)
def test_other_files_with_dependencies_are_refused(document: object) -> None:
    with pytest.raises(ManifestUnreadable, match="it is JSON of no manifest that is known"):
        sniff.read(json.dumps(document).encode())


def test_a_lock_file_without_packages_is_one() -> None:
    assert sniff.read(b'{"version": 1, "dependencies": {}}').format == "lock"
    assert sniff.read(b'{"version": 2, "dependencies": {"net8.0": {}}}').notes == ()


def test_a_part_of_a_lock_file_that_is_none_is_named() -> None:
    found = sniff.read(b'{"version": 1, "dependencies": {"net8.0": {"A": {"resolved": "1.0.0"}}, "net9.0": ["B"]}}')
    assert [one.package_id for one in found.requirements] == ["A"]
    assert found.notes == ("1 entry not judged, without a resolved version: net9.0",)


@pytest.mark.parametrize("packages", ["x", [None, {"id": "A", "resolvedVersion": "1.0.0"}]])
def test_a_part_of_a_listing_that_is_none_is_named(packages: object) -> None:
    document = {"version": 1, "projects": [{"frameworks": [{"framework": "net8.0", "transitivePackages": packages}]}]}
    found = sniff.read(json.dumps(document).encode())
    (note,) = found.notes
    assert note == "1 entry not judged, without an id or a version: entries of transitivePackages that are no objects"
