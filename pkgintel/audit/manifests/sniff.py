"""Which format a manifest has, by what is in it and never by its name alone."""

from pkgintel.audit.manifests import assets, config, content, cyclonedx, listed, listing, lockfile, msbuild, spdx
from pkgintel.audit.manifests.requirement import MOST_PACKAGES, Format, Manifest, require_few
from pkgintel.errors import ManifestUnreadable

_LOOKED_AT = 4_096
_IS_JSON = ("{", "[")


def read(body: bytes, kind: Format | None = None, around: tuple[bytes, ...] = ()) -> Manifest:
    """The manifest in `body`, of the format `kind` or of what its content shows.

    `around` are the files that belong to a project file. Raises: ManifestUnreadable.
    """
    if len(body) > content.LARGEST:
        raise ManifestUnreadable(f"it is larger than {content.LARGEST // 1_000_000} MB")
    if not body.strip(b"\xef\xbb\xbf \t\r\n\0"):
        raise ManifestUnreadable("it is empty")
    found = _read(body, kind if kind is not None else sniff(body), around)
    require_few(len(found.requirements))
    if found.packages > MOST_PACKAGES:
        raise ManifestUnreadable(f"it requires more than {MOST_PACKAGES:,} packages")
    return found


def _read(body: bytes, kind: Format, around: tuple[bytes, ...]) -> Manifest:
    match kind:
        case "lock":
            return lockfile.read(body)
        case "assets":
            return assets.read(body)
        case "config":
            return config.read(body)
        case "props":
            return msbuild.read(body, around)
        case "cyclonedx":
            return cyclonedx.read_json(body) if _start(body).startswith(_IS_JSON) else cyclonedx.read_xml(body)
        case "spdx":
            return spdx.read(body)
        case "dotnet-list":
            return listing.read(body)
        case "purls":
            return listed.read(body)


def sniff(body: bytes) -> Format:
    """The format that the content shows. Raises: ManifestUnreadable where it shows none."""
    start = _start(body)
    if start.startswith("<"):
        return _of_xml(body)
    if start.startswith("{"):
        return _of_json(body)
    if start.startswith("["):
        raise ManifestUnreadable("it is a JSON array, and no manifest that is known is one")
    return "purls"


def _start(body: bytes) -> str:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body[:_LOOKED_AT].decode("utf-16", "replace").lstrip()
    start = body[:_LOOKED_AT]
    if start[:4] == b"<\0?\0":
        return start.decode("utf-16-le", "replace")
    return start.decode("utf-8-sig", "replace").lstrip()


def _of_xml(body: bytes) -> Format:
    root = content.name(content.xml(body))
    kinds: dict[str, Format] = {"packages": "config", "project": "props", "bom": "cyclonedx"}
    found = kinds.get(root.lower())
    if found is None:
        raise ManifestUnreadable(f"its root <{root[:60]}> is that of no manifest that is known")
    return found


def _of_json(body: bytes) -> Format:
    document = content.json_object(body)
    if str(document.get("bomFormat")).lower() == "cyclonedx":
        return "cyclonedx"
    if "spdxVersion" in document or "@graph" in document or isinstance(document.get("sbom"), dict):
        return "spdx"
    if "libraries" in document and "targets" in document:
        return "assets"
    if isinstance(document.get("projects"), list):
        return "dotnet-list"
    if lockfile.is_one(document):
        return "lock"
    names = ", ".join(str(name)[:30] for name in list(document)[:6])
    raise ManifestUnreadable(f"it is JSON of no manifest that is known (its names: {names or 'none'})")
