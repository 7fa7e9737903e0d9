"""The license files of the sample show each way in which a text can be read."""

from pkgintel.sample.source import Sample
from pkgintel.sample.texts import FLAT_CONTAINER
from tests.support.license_texts import meaning, reading


def test_the_files_inside_packages_are_open_closed_undecided_and_near() -> None:
    published = Sample(1).documents("http://127.0.0.1:9")
    inside = {body for path, body in published.items() if path.startswith(FLAT_CONTAINER)}
    assert {meaning(body) for body in inside} == {"open", "closed", "undecided"}
    assert {"matched", "differs", "none"} <= {reading(body).status for body in inside}


def test_the_files_on_code_hosts_are_open_and_near() -> None:
    published = Sample(1).documents("http://127.0.0.1:9")
    hosted = {body for path, body in published.items() if path.endswith(("LICENSE", "license.txt", "License.txt"))}
    assert "matched" in {reading(body).status for body in hosted}
