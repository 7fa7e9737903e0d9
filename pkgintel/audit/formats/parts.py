"""Documents in parts: a report of many packages is written one by one, for the whole takes several times its room."""

import json
from collections.abc import Iterable, Iterator

import pydantic_core
from pydantic import JsonValue

Object = dict[str, JsonValue]


def text(value: JsonValue) -> str:
    """A value as indented JSON in ASCII."""
    try:
        said = pydantic_core.to_json(value, indent=2, ensure_ascii=True).decode()
    except ValueError:
        said = json.dumps(value, indent=2)  # Half a surrogate pair, which only the slow way can escape.
    return said.replace("\x7f", "\\u007f")


def filled(document: Object, name: str, entries: Iterable[Object]) -> Iterator[str]:
    """A document as indented JSON, with entries in the one array `name`, which stands empty in it."""
    head, tail = text(document).split(f'"{name}": []')
    blanks = len(head) - head.rfind("\n") - 1
    line = "\n" + " " * (blanks + 2)
    yield f'{head}"{name}": ['
    before = ""
    for entry in entries:
        yield before + line + text(entry).replace("\n", line)
        before = ","
    yield ("\n" + " " * blanks if before else "") + f"]{tail}\n"
