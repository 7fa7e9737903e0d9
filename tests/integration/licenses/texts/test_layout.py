"""Where the lines of a text break says nothing: a text in one line is the text that it was in many."""

import re

import pytest

from pkgintel.licenses.texts.decode import decode
from tests.support.license_texts import NOTICE, collected, meaning, written

MIT = written("MIT")
BODY = MIT.partition(NOTICE)[2].strip()
SAML = (
    "This license applies to versions 2.0.0 and above only. For previous versions please see "
    "https://github.com/Contoso/Saml/blob/v1/LICENSE"
)
IMPORTED = "The code in src/common/Contoso was imported from: https://github.com/contoso/setup"


def in_one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    "text",
    [
        f"Contoso Parser Library\n\nAuthor:\n  Jane Doe (jane@contoso.com)\n\n{NOTICE} & Contributors\n\n{BODY}",
        f"Contoso Framework\n\n{NOTICE}. All rights reserved.\n\nMIT License\n\n{BODY}",
        f"{SAML}\n\nMIT License\n\n{NOTICE}\n\n{BODY}",
        f"{IMPORTED}\n\nThis code is covered by the following license.\n\n{MIT}",
        f"MIT License\n\nCopyright (c) 2007, Contoso Consulting, Manas\nTechnology Solutions, InSTEDD\n\n{BODY}",
        re.sub(r"damage\s+the university of california", "damage. Npgsql", written("PostgreSQL")),
    ],
    ids=["a product and its author", "a product", "which versions", "where code came from", "a long notice", "a name"],
)
def test_a_text_may_stand_in_one_line(text: str) -> None:
    for form in (text, in_one_line(text), in_one_line(text).upper(), in_one_line(text.upper())):
        assert meaning(form) == "open", form[:200]


@pytest.mark.parametrize(
    "notice",
    [
        "Copyright (c) 2011 Contoso committers",
        "Copyright (c) 2013 Rico Sta. Cruz",
        "Copyright 2017, Brock Allen, Dominick Baier",
        "Copyright (c) 2010-2019 Jane Doe, DocumentCloud",
        "Copyright (c) 2009-2020 Jane Doe, DocumentCloud and Investigative\nReporters & Editors",
        "Copyright (c) 2007-2011, Jane Doe, Contoso.\nhttp://www.contoso.net\nAll rights reserved.",
        "Contoso.Parser\nhttps://github.com/contoso/Contoso.Parser\nCopyright (c) 2013 Jane Doe",
    ],
)
def test_a_notice_may_go_on_in_the_next_line_and_names_may_be_words(notice: str) -> None:
    assert meaning(f"{notice}\n\nMIT License\n\n{BODY}") == "open"
    assert meaning(f"MIT License\n\n{notice}\n\n{BODY}") == "open"


@pytest.mark.parametrize(
    "said", ["No Commercial Use", "https://contoso.com/terms", "for students", "Trial", "http://contoso.com only"]
)
def test_a_line_behind_a_notice_that_says_more_is_none_of_it(said: str) -> None:
    assert meaning(f"MIT License\n\n{NOTICE}\n{said}\n\n{BODY}") != "open"
    assert meaning(f"Contoso.Parser\n{said}\n{NOTICE}\n\n{BODY}") != "open"


@pytest.mark.parametrize("said", ["Nur privat.", "For students", "Trial", "See our terms", "Contoso decides. Niemals"])
def test_a_line_that_says_more_is_no_product_in_one_line_either(said: str) -> None:
    for place in (
        f"{said} {NOTICE} {BODY}",
        f"MIT License {NOTICE} {said} {BODY}",
        f"{SAML} {said} {in_one_line(MIT)}",
    ):
        assert meaning(place) != "open", place[:200]


@pytest.mark.skipif(not collected(), reason="the collected license texts do not lie beside the checkout")
def test_every_collected_text_may_stand_in_one_line() -> None:
    opened = [body for one in collected() if meaning(body := one.path.read_bytes()) == "open" and len(body) < 15_000]
    lost = [body[:80] for body in opened if meaning(in_one_line(decode(body).text)) != "open"]
    assert lost == []
