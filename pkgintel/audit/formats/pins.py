"""Ranges that keep an audit green, for those who upgrade: Directory.Packages.props and Renovate."""

import json
from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

from pkgintel.audit.report import Report
from pkgintel.text import plain


def write(report: Report) -> str:
    """The lines to copy; a sentence where no range is known."""
    ranges = known(report)
    if not ranges:
        return "No version here has an open one below it that is known, so there is nothing to pin.\n"
    lines = ["Directory.Packages.props:"]
    lines += [
        f"  <PackageVersion Include={quoteattr(plain(name))} Version={quoteattr(range_)} />"
        for name, range_ in ranges.items()
    ]
    rules = [
        {"matchManagers": ["nuget"], "matchPackageNames": [plain(name)], "allowedVersions": range_}
        for name, range_ in ranges.items()
    ]
    shown = json.dumps({"packageRules": rules}, indent=2)
    return "\n".join([*lines, "", "renovate.json:", *("  " + line for line in shown.splitlines())]) + "\n"


def known(report: Report) -> Mapping[str, str]:
    """Package id → the range that stays with the last open license."""
    return {
        one.package.package_id: one.last_open.range
        for one in report.packages
        if one.last_open is not None and one.last_open.range is not None
    }
