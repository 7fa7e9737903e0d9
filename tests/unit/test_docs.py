"""The README is true where a machine can tell: rules, settings, commands and targets."""

import re

from pkgintel.cli import COMMANDS
from pkgintel.licenses.verdict import RULES
from pkgintel.settings import Settings
from tests.support.checkout import CHECKOUT

README = (CHECKOUT / "README.md").read_text()


def test_the_table_of_rules_is_the_codes():
    table = README.split("<!-- rules:")[1].split("\n\n")[0]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", table, re.MULTILINE))
    assert rows == dict(RULES)


def test_every_setting_is_named():
    for name in Settings.model_fields:
        assert f"`PKGINTEL_{name.upper()}`" in README


def test_every_variable_it_names_is_a_setting():
    named = set(re.findall(r"\bPKGINTEL_([A-Z_]+)\b", README)) - {"_FILE"}
    assert named <= {name.upper() for name in Settings.model_fields}


def test_every_command_is_shown():
    for name in COMMANDS:
        assert re.search(rf"(pkgintel|make|`){' ?'}{name}\b", README) or f"`{name}`" in README, name


def test_every_module_has_a_room():
    house = README.split("## The house")[1].split("## Verdicts")[0]
    named = set(re.findall(r"`([a-z_]+)`", house))
    for path in (CHECKOUT / "pkgintel").rglob("*.py"):
        if path.stem not in ("__init__", "__main__"):
            assert path.stem in named, f"{path.name} has no room in the README's picture"


def test_the_benchmarks_table_and_plot_are_there():
    shown = README.split("<!-- bench: ")[1].split("<!-- /bench -->")[0]
    assert shown.count("\n| ") > 10
    assert "`make bench" in shown
    assert "(tests/bench/bench.svg)" in README
    assert (CHECKOUT / "tests" / "bench" / "bench.svg").read_text().startswith("<svg")
