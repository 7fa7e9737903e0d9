"""The tool that counts the nuspecs naming a repository commit: which nuspecs it counts, and what it calls a commit."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tools import nuspec_commits

WHOLE = '<repository type="git" url="https://github.com/o/r" commit="' + "a1" * 20 + '" />'
SHORT = '<repository type="git" url="https://github.com/o/r" commit="a1a1a1a" />'
FILE = "<licenseUrl>https://github.com/o/r/blob/master/LICENSE</licenseUrl>"


def nuspec(*parts: str, package: str = "Acme.Core", version: str = "1.2.0") -> bytes:
    return (
        '<?xml version="1.0"?><package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata>'
        f"<id>{package}</id><version>{version}</version>{''.join(parts)}</metadata></package>"
    ).encode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (nuspec('<license type="expression">MIT</license>', WHOLE), ("an expression", True)),
        (nuspec("<license>MIT</license>", SHORT), ("an expression", False)),
        (nuspec('<license type="file">LICENSE.txt</license>', FILE, WHOLE), ("a file", True)),
        (nuspec(FILE), ("the address of a file on a code host", False)),
        (nuspec("<licenseUrl>https://acme.example/eula</licenseUrl>", WHOLE), ("another address", True)),
        (nuspec(), ("nothing", False)),
        (nuspec(version="1.2.1"), None),
        (nuspec(package="$id$"), None),
        (b"no nuspec", None),
    ],
)
def test_what_a_nuspec_declares_and_whether_it_names_a_commit(body: bytes, expected: tuple[str, bool] | None) -> None:
    assert nuspec_commits.kind(("acme.core", "1.2.0"), body) == expected


def test_a_clone_is_counted_through_its_history_and_each_version_once(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    git("init", "-q")
    for path, body in {
        "packages/acme.core/1.2.0/package.nuspec": nuspec(FILE, WHOLE),
        "old/acme.core/1.2/acme.core.nuspec": nuspec(FILE, WHOLE),
        "packages/acme.core/1.1.0/package.nuspec": nuspec(FILE, version="1.1.0"),
        "src/Acme.nuspec": nuspec(FILE, WHOLE),
        "packages/acme.core/9.9.9/package.nuspec": nuspec(FILE, WHOLE, version="$version$"),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(body)
    git("add", ".")
    git("commit", "-qm", "Packages")
    git("rm", "-rq", "packages/acme.core/1.1.0")
    git("commit", "-qm", "One package less")
    kind = "the address of a file on a code host"
    assert nuspec_commits.count(nuspec_commits.kept(tmp_path)) == (Counter({kind: 2}), Counter({kind: 1}))
