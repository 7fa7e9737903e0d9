"""What the tables should come to when a registry was loaded: its events replayed by the rules of the catalog alone."""

from dataclasses import dataclass

from tests.bench import registry


@dataclass(frozen=True, slots=True)
class Truth:
    """What the tables should come to: versions known, packages by state, and the version that speaks for each."""

    versions: int
    deleted: int  # Versions.
    speakers: dict[str, str | None]  # By package key; None where every version is deleted.


def of(shape: registry.Shape) -> Truth:
    """Replays the events by the rules of the catalog alone. Takes memory: for registries of a tenth at most."""
    alive: dict[tuple[int, int], bool] = {}
    for place, (number, index) in enumerate(registry.events(shape)):
        alive[number, index] = not registry.is_delete(number, index, registry.commit_of(place))
    best: dict[int, tuple[bool, bool, int, int]] = {}
    for (number, index), is_alive in alive.items():
        best.setdefault(number, (False, False, -1, -1))
        if is_alive:
            stable = "-" not in registry.version_of(number, index)
            best[number] = max(best[number], (registry.is_listed(number, index), stable, index, index))
    return Truth(
        versions=len(alive),
        deleted=sum(not one for one in alive.values()),
        speakers={
            registry.package_id(number).lower(): registry.version_of(number, at[3]) if at[3] >= 0 else None
            for number, at in best.items()
        },
    )
