"""Packages as zip archives, small or large, sound or not."""

import io
import random
from collections.abc import Mapping
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo


def archive(
    files: Mapping[str, bytes], *, around: int = 0, listed: int = 0, method: int = ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    """An archive of `files`: between two others of `around` bytes each, and `listed` empty ones behind."""
    noise = random.Random(14).randbytes(around)
    out = io.BytesIO()
    with ZipFile(out, "w", method) as made:
        if around:
            made.writestr("lib/first.dll", noise)
        for name, body in files.items():
            info = ZipInfo("x")
            info.filename = name  # As it is, where ZipInfo would mend it.
            info.compress_type = method
            made.writestr(info, body)
        if around:
            made.writestr("lib/last.dll", noise)
        for number in range(listed):
            made.writestr(f"lib/some/where/very/deep/inside/of/it/{number:06}.txt", b"")
        made.comment = comment
    return out.getvalue()
