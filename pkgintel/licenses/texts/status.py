"""How the reading of a text ended, and by which method: the words of it, which cost nothing to import."""

from typing import Literal, TypeAlias

Status: TypeAlias = Literal["matched", "differs", "none", "not-text", "too-long", "too-hard"]
Method: TypeAlias = Literal["reviewed", "fingerprint", "exact", "aligned", ""]
