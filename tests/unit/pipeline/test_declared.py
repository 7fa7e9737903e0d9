"""What a classification holds of the declarations that it judges: one at a time, for all of nuget.org has 150,000."""

import uuid

from pkgintel.pipeline import classify


def test_a_declaration_is_made_when_it_is_judged() -> None:
    row = {
        "declaration": uuid.uuid4(),
        "license_expression": "MIT",
        "license_file": None,
        "license_url": None,
        "text_source": 0,
        "hand": None,
        "hand_key": "",
    }
    rows = iter([row] * 3)
    assert next(classify.declared(rows)).declaration.expression == "MIT"
    assert len(list(rows)) == 2
