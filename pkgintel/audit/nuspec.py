"""What a nuspec declares: the three license fields that the rules need, of the version that it says it is of.

Source: NuGet docs ".nuspec reference", "license" and "licenseUrl".
"""

from dataclasses import dataclass

from pkgintel.audit.manifests import content
from pkgintel.errors import ManifestUnreadable, UpstreamChanged
from pkgintel.licenses.verdict import Declaration
from pkgintel.nuget import version
from pkgintel.nuget.documents import package_key
from pkgintel.nuget.fields import LONGEST_DECLARATION
from pkgintel.text import plain


@dataclass(frozen=True, slots=True)
class Nuspec:
    """A version's declaration, its id and version as its author spells them."""

    package_id: str
    version: str
    declaration: Declaration


def read(body: bytes, key: tuple[str, str], url: str) -> Nuspec:
    """The nuspec in `body`, which is to be that of the package and version of `key`.

    Raises: UpstreamChanged when it is none, or another one's.
    """
    try:
        root = content.xml(body)
    except ManifestUnreadable as error:
        raise UpstreamChanged(f"{url} is no nuspec: {error}", url) from None
    metadata = next(iter(content.children(root, "metadata")), None)
    package_id = content.inner(metadata, "id") if metadata is not None else None
    said = content.inner(metadata, "version") if metadata is not None else None
    if metadata is None or package_id is None or said is None:
        raise UpstreamChanged(f"{url} is no nuspec: it names no id and version", url)
    try:
        found = package_key(package_id), version.parse(said).key
    except ValueError:
        found = package_key(package_id), said
    if found != key:
        raise UpstreamChanged(f"{url} is the nuspec of {plain(package_id, 100)} {plain(said, 60)}", url)
    return Nuspec(package_id, said, _declaration(metadata, url))


def _declaration(metadata: content.Element, url: str) -> Declaration:
    expression = file = None
    for one in content.children(metadata, "license"):
        text = (one.text.strip() or None) if one.text else None
        if (content.attribute(one, "type") or "expression").lower() == "file":
            file = text
        else:
            expression = text
    address = content.inner(metadata, "licenseUrl")
    for text in (expression, file, address):
        if text is not None and len(text.encode("utf-8", "replace")) > LONGEST_DECLARATION:
            raise UpstreamChanged(f"{url} declares a license in more than {LONGEST_DECLARATION:,} bytes", url)
    return Declaration(expression, file, address)
