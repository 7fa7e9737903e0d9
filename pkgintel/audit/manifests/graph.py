"""Who brings a package: the shortest ways through a graph of dependencies."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

_LONGEST_PATH = 20  # Names; of a longer way its beginning and its end are kept.


class Ways:
    """The shortest way from any of `roots` to every node that `edges` reach. Circles do no harm."""

    def __init__(self, roots: Iterable[str], edges: Mapping[str, Sequence[str]]) -> None:
        self._before: dict[str, str | None] = dict.fromkeys(roots)
        self._root = {root: root for root in self._before}
        waiting = deque(self._before)
        while waiting:
            node = waiting.popleft()
            for after in edges.get(node, ()):
                if after not in self._before:
                    self._before[after] = node
                    self._root[after] = self._root[node]
                    waiting.append(after)

    def __contains__(self, node: str) -> bool:
        return node in self._before

    def to(self, node: str) -> tuple[str, ...]:
        """The nodes from a root to `node`, both included; empty where no way leads there."""
        found: list[str] = []
        at: str | None = node if node in self._before else None
        while at is not None and len(found) < _LONGEST_PATH:
            found.append(at)
            at = self._before[at]
        if at is not None:
            found += ["…", self._root[node]]
        return tuple(reversed(found))
