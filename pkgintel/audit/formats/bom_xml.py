"""Verdicts in a CycloneDX document in XML: text is put in where it belongs, and no other byte changes.

Source: https://cyclonedx.org/docs/1.6/xml/ (the children of a component come in a fixed order).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from pkgintel.audit.formats.added import Added, require_version
from pkgintel.audit.manifests import purl
from pkgintel.audit.manifests.requirement import version_key
from pkgintel.audit.store import Key
from pkgintel.errors import SettingsError
from pkgintel.nuget.documents import package_key

_VERSION = re.compile(rb"cyclonedx\.org/schema/bom/(\d{1,2}\.\d{1,2})")
_ENCODING = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([^"']+)""")
_BEFORE_LICENSES = {
    "supplier", "manufacturer", "authors", "author", "publisher", "group", "name", "version", "description", "scope",
    "hashes",
}  # fmt: skip
_BEFORE_PROPERTIES = _BEFORE_LICENSES | {
    "licenses", "copyright", "cpe", "purl", "omniborId", "swhid", "swid", "modified", "pedigree", "externalReferences",
}  # fmt: skip


@dataclass
class _Component:
    """A component that is being read; places are offsets of bytes, None where there is none such."""

    depth: int
    prefix: str
    licenses_at: int | None = None
    properties_at: int | None = None
    has_licenses: bool = False
    own_properties: tuple[int, int] | None = None  # Where they begin and end.
    texts: dict[str, str] = field(default_factory=dict)


class _Reader:
    """Finds the components of a document and where their additions belong."""

    def __init__(self, find: Callable[[Key], Added | None], number: tuple[int, int]) -> None:
        self.insertions: list[tuple[int, int, str]] = []  # Place, how many bytes are replaced, text.
        self._find = find
        self._number = number
        self._depth = 0
        self._open: list[_Component] = []
        self._text: list[str] | None = None
        self._started = 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parents: list[str] = []

    def read(self, body: bytes) -> None:
        self._body = body
        self._parser.Parse(body, True)

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._depth += 1
        prefix, _colon, local = name.rpartition(":")
        here = self._parser.CurrentByteIndex
        parent = self._parents[-1] if self._parents else ""
        self._parents.append(local)
        if self._open and self._depth == self._open[-1].depth + 1:
            self._child(self._open[-1], local, here)
        if local == "component" and parent == "components":
            self._open.append(_Component(self._depth, f"{prefix}:" if prefix else ""))

    def _child(self, component: _Component, local: str, here: int) -> None:
        if local == "licenses":
            component.has_licenses = True
        elif local not in _BEFORE_LICENSES and component.licenses_at is None:
            component.licenses_at = here
        if local == "properties":
            self._started = here
        elif local not in _BEFORE_PROPERTIES and component.properties_at is None:
            component.properties_at = here
        self._text = [] if local in ("purl", "version") else None

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        here = self._parser.CurrentByteIndex
        component = self._open[-1] if self._open else None
        if component is not None and self._depth == component.depth + 1:
            if self._text is not None:
                component.texts[local] = "".join(self._text).strip()
                self._text = None
            if local == "properties":
                component.own_properties = (self._started, here)
        elif component is not None and self._depth == component.depth:
            self._add(self._open.pop(), here)
        self._depth -= 1
        self._parents.pop()

    def _add(self, component: _Component, end: int) -> None:
        read = purl.read(component.texts.get("purl", ""))
        if read is None or read.kind != "nuget":
            return
        resolved = read.version if read.version is not None else component.texts.get("version")
        one = self._find((package_key(read.name), version_key(str(resolved))))
        if one is None:
            return
        at = component.prefix
        lines = "".join(
            f"<{at}property name={quoteattr(name)}>{escape(value)}</{at}property>" for name, value in one.properties
        )
        whole = f"<{at}properties>{lines}</{at}properties>"
        if one.expression is not None and not component.has_licenses:
            said = ' acknowledgement="declared"' if self._number >= (1, 6) else ""
            text = f"<{at}licenses><{at}expression{said}>{escape(one.expression)}</{at}expression></{at}licenses>"
            place = component.licenses_at if component.licenses_at is not None else end
            self.insertions.append((place, 0, text))
        if component.own_properties is None:
            place = component.properties_at if component.properties_at is not None else end
            self.insertions.append((place, 0, whole))
        else:
            self._into(*component.own_properties, lines, whole)

    def _into(self, begins: int, ends: int, lines: str, whole: str) -> None:
        """Into the properties that are there; an empty element, which has no end tag, is replaced."""
        closed = self._body.find(b">", begins)
        if self._body[closed - 1 : closed] == b"/":
            self.insertions.append((begins, closed + 1 - begins, whole))
        else:
            self.insertions.append((ends, 0, lines))


def enriched(body: bytes, find: Callable[[Key], Added | None], path: str) -> Iterator[bytes]:
    """The document in parts, with the additions of every component that `find` has some for.

    Raises: SettingsError for a version without properties, or an encoding that is not UTF-8.
    """
    said = _ENCODING.search(body[:200])
    if body.startswith((b"\xff\xfe", b"\xfe\xff")) or (said is not None and said[1].lower() not in (b"utf-8", b"utf8")):
        raise SettingsError(f"{path} is not in UTF-8, and no verdicts are added to other encodings.")
    match = _VERSION.search(body)
    reader = _Reader(find, require_version(match[1].decode() if match else "none", path))
    reader.read(body)
    last = 0
    # Two additions at one place keep their order: licenses come before properties.
    for place, replaced, text in sorted(reader.insertions, key=lambda one: one[0]):
        yield body[last:place]
        yield text.encode()
        last = place + replaced
    yield body[last:]
