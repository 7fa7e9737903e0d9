"""Why a package has its verdict, as a type: what it declares, what that was found to mean, what changed before."""

from pydantic import ConfigDict, Field

from pkgintel.reports.changes import Relicensing
from pkgintel.reports.shape import Json, Moment, Report


class DeclaredLicense(Report):
    """What a version declares of its license; what it does not is None."""

    license_expression: str | None = None
    license_file: str | None = None
    license_url: str | None = None


class _OfEvidence(Report):
    """A part of a verdict's evidence, which may have been stored with more in it than is known here."""

    model_config = ConfigDict(extra="ignore")


class OnList(Report):
    """What the stored SPDX list says of a license; `fsf_libre` is None where it says nothing."""

    name: str
    osi_approved: bool
    fsf_libre: bool | None
    deprecated: bool
    list_version: str


class License(_OfEvidence):
    """A license of the evidence: what it means, what it matched, and what the list says of it now, if it is on it."""

    id: str
    means: str
    matched: tuple[str, ...]
    category: str | None = None
    or_later: bool = False
    exception: str | None = None
    through: str | None = None
    witnesses: tuple[str, ...] = ()
    clause: str | None = None
    remark: str | None = None
    on_list: OnList | None


class FileHistory(_OfEvidence):
    """The revisions of a repository's file that a verdict rests on: how many, and the first and the last commit."""

    repository: str
    file: str
    ref: str
    revisions: int
    commits: tuple[str, ...]
    ended: str | None = None


class UrlEntry(_OfEvidence):
    """What the table of license URLs says of a page, and by which source."""

    page: str
    licenses: tuple[str, ...] = ()
    means: str | None = None
    nature: str | None = None
    since: str | None = Field(None, alias="from")
    until: str | None = None
    source: str | None = None
    date: str | None = None
    note: str | None = None
    history: FileHistory | None = None


class TextDifference(_OfEvidence):
    """A run of words in which a text differs from its license."""

    missing: str
    added: str
    after: str


class LicenseText(_OfEvidence):
    """A license file that was read: see `licenses.evidence.TextEvidence`."""

    kind: str
    sha256: str | None = None
    status: str | None = None
    license: str | None = None
    method: str | None = None
    similarity: float | None = None
    differences: tuple[TextDifference, ...] = ()
    asked: str | None = None
    answered: str | None = None
    first_read: str | None = None
    read_at: str | None = None
    mutable: bool | None = None
    reader: str | None = None
    now: str | None = None
    now_read: str | None = None
    error: str | None = None


class VerdictChange(Report):
    """A change of a package's verdict, or of the text it rests on (by digest); None stands for none."""

    changed_at: Moment
    from_verdict: str | None
    to_verdict: str | None
    from_rule: str | None
    to_rule: str | None
    from_reason: str | None
    to_reason: str | None
    from_version: str | None
    to_version: str | None
    cause: str
    from_text: str | None = None
    to_text: str | None = None


class LicenseChange(Report):
    """Two versions next to each other with different verdicts."""

    from_version: str
    to_version: str
    from_verdict: str
    to_verdict: str
    from_rule: str
    to_rule: str
    from_declaration: DeclaredLicense
    to_declaration: DeclaredLicense
    released_at: Moment | None


class LastOpen(Report):
    """The highest open version of a package that is not open now, and what is different since which version."""

    version: str
    ids: tuple[str, ...]
    different_since: str
    to_verdict: str
    to_ids: tuple[str, ...]
    released_at: Moment


class Explanation(Report):
    """The verdict on a package or a version with all it rests on. What is not known of it is not given."""

    package_id: str
    verdict: str | None
    rule: str | None
    rule_says: str | None
    reason: str | None
    evidence: Json | None
    judged_version: str | None
    spdx_list_version: str | None
    ruleset: int | None
    policy: str | None
    declaration: DeclaredLicense | None
    classified_at: Moment | None = None
    pending: bool = False
    leaf_url: str | None = None
    listed: bool | None = None
    is_prerelease: bool | None = None
    deprecated: bool | None = None
    created: Moment | None = None
    published: Moment | None = None
    deleted_at: Moment | None = None
    state: str
    latest_version: str | None
    project_url: str | None
    catalog: str | None
    newest_event: Moment
    versions: int
    versions_deleted: int
    versions_unread: int
    history: tuple[VerdictChange, ...]
    license_changes: tuple[LicenseChange, ...]
    license_changes_by_date: tuple[LicenseChange, ...]
    license_id_changes: tuple[Relicensing, ...]
    last_open: LastOpen | None
    would_change: str | None
    licenses: tuple[License, ...]
    url_entry: UrlEntry | None
    license_text: LicenseText | None = None
