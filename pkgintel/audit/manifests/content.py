"""The bytes of a manifest as text, JSON or XML, within bounds: what is too large or too odd is one sentence."""

import codecs
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import TypeAlias

import defusedxml
import pydantic_core
from defusedxml import ElementTree as Defused
from pydantic import JsonValue

from pkgintel.errors import ManifestUnreadable
from pkgintel.nuget.fields import is_dense
from pkgintel.text import plain

LARGEST = 32_000_000  # Bytes of a manifest; the largest of real solutions have a few million.
MOST_VALUES = 400_000
MOST_TAGS = 200_000
MOST_ATTRIBUTES = 400_000
Element: TypeAlias = ET.Element
Object: TypeAlias = Mapping[str, JsonValue]

_ATTRIBUTE = re.compile(rb"""=[\s\0]*["']""")  # In UTF-16 too; texts hold rulers of equals signs.
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def text(body: bytes) -> str:
    """The bytes as text: UTF-8, or what a byte order mark says. Raises: ManifestUnreadable."""
    mark, encoding = next(((mark, name) for mark, name in _MARKS if body.startswith(mark)), (b"", "utf-8"))
    try:
        return body[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise ManifestUnreadable(f"it is no text in {encoding.upper()}: byte {error.start + 1:,}") from None


def json(body: bytes) -> JsonValue:
    """The JSON value in `body`. Raises: ManifestUnreadable with the place of the fault."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        body = text(body).encode("utf-8", "replace")
    if is_dense(body, MOST_VALUES):
        raise ManifestUnreadable(f"it holds more than {MOST_VALUES:,} values")
    try:
        found: JsonValue = pydantic_core.from_json(body.removeprefix(codecs.BOM_UTF8))
    except (ValueError, RecursionError) as error:
        raise ManifestUnreadable(f"it is no JSON: {plain(error, 200)}") from None
    return found


def json_object(body: bytes) -> Object:
    """The JSON object in `body`. Raises: ManifestUnreadable."""
    found = json(body)
    if not isinstance(found, dict):
        raise ManifestUnreadable("it is no JSON object")
    return found


def xml(body: bytes) -> Element:
    """The root of the XML document in `body`, in whatever encoding it declares. Raises: ManifestUnreadable."""
    if body.count(b"<") > MOST_TAGS:
        raise ManifestUnreadable(f"it holds more than {MOST_TAGS:,} tags")
    if body.count(b"=") > MOST_ATTRIBUTES and sum(1 for _ in _ATTRIBUTE.finditer(body)) > MOST_ATTRIBUTES:
        raise ManifestUnreadable(f"it holds more than {MOST_ATTRIBUTES:,} attributes")
    try:
        root: Element = Defused.fromstring(body, forbid_dtd=True)
    except ET.ParseError as error:
        raise ManifestUnreadable(f"it is no XML: {plain(error, 200)}") from None
    except defusedxml.DefusedXmlException:
        raise ManifestUnreadable("it declares entities or a document type, which no manifest needs") from None
    except (ValueError, LookupError) as error:
        raise ManifestUnreadable(f"it is no XML that can be read: {plain(error, 200)}") from None
    return root


def name(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Element, wanted: str) -> str | None:
    """An attribute in any case, stripped; None where it is absent or empty."""
    for key, value in element.attrib.items():
        if key.lower() == wanted:
            return value.strip() or None
    return None


def children(element: Element, *names: str) -> list[Element]:
    """The child elements of these names, whatever their namespace."""
    return [child for child in element if name(child) in names]


def inner(element: Element, wanted: str) -> str | None:
    """The text of the first child of that name, stripped; None where it is absent or empty."""
    for child in element:
        if name(child).lower() == wanted.lower():
            return (child.text.strip() or None) if child.text else None
    return None


def objects(value: JsonValue) -> list[Object]:
    """The objects of a JSON array; none where it is something else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def members(value: JsonValue) -> Object:
    """A JSON object; an empty one where it is something else."""
    return value if isinstance(value, dict) else {}


def said(value: JsonValue) -> str | None:
    """A JSON text, stripped; None where it is empty or something else."""
    return (value.strip() or None) if isinstance(value, str) else None


def lines(shown: str, pattern: re.Pattern[str]) -> dict[str, int]:
    """Where each thing stands: what the first group of `pattern` finds, in lower case, with its first line."""
    found: dict[str, int] = {}
    line, seen = 1, 0
    for match in pattern.finditer(shown):
        line += shown.count("\n", seen, match.start())
        seen = match.start()
        found.setdefault(match[1].lower(), line)
    return found
