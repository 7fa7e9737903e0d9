"""What markup hides, where a link leads, and a word that nobody knows: none of it leaves a text open."""

import pytest

from tests.support.license_texts import NOTICE, meaning, reading, written

MIT = written("MIT")
PAGE = "<html><head><title>License</title></head><body><pre>{}</pre></body></html>"


def rich(text: str, put: str = "", before: str = "Permission") -> str:
    """The text as a rich text document that WordPad could have written, with something put before a word."""
    head, _, rest = text.partition(before)
    body = f"{head}{put}{before}{rest}".replace("\n", "\\par\n")
    tables = (
        r"{\fonttbl{\f0\fnil Times New Roman;}}{\colortbl ;\red0\green0\blue0;}"
        r"{\stylesheet{ Normal;}{\s1 heading 1;}{\*\cs10 \additive Default Paragraph Font;}}"
        r"{\*\generator Riched20 10.0.19041}"
        r"{\info{\title MIT License}{\author Jane Doe}}"
    )
    return rf"{{\rtf1\ansi{tables}{{\*\bkmkstart start}}{{\*\bkmkend start}}{body}}}"


def test_a_rich_text_is_the_license_that_it_shows() -> None:
    assert reading(rich(MIT)).expression == "MIT"
    assert meaning(rich(MIT)) == "open"


@pytest.mark.parametrize(
    "put",
    [
        r"{\*\annotation Members only}", r"{\*\comment Eigengebrauch, bitte}", r"{\*\later Ask first}",
        r"{\v Ask first}",
        r"{\pict Pay monthly}", r"{\object Pay monthly}", r"{\*\bkmkstart Pay monthly}", r"{\footnote Pay monthly}",
        r"{\info{\title Evaluation only}}", r"{\fonttbl{\f1 Copies stay inside your company;}}",
        r"{\stylesheet{\s2 This license ends in May;}}", r"{\*\generator Copies stay inside your company}",
    ],
)  # fmt: skip
def test_words_in_a_group_of_a_rich_text_are_words_of_the_text(put: str) -> None:
    assert meaning(rich(MIT, put)) != "open"


@pytest.mark.parametrize(
    "struck", [r"{\strike sell}", r"\strike sell\strike0 ", r"{\striked1 sell}", r"{\deleted sell}"]
)
def test_a_right_that_a_rich_text_strikes_out_is_no_right(struck: str) -> None:
    assert meaning(rich(MIT).replace("sell", struck)) != "open"
    assert meaning(rich(MIT).replace("sell", r"\strike0 sell")) == "open"


@pytest.mark.parametrize(
    "put",
    [
        "<a title='Patents excluded' href='#'></a>", "<img alt='Patents excluded'>", "<p data-note='Seats limited'>",
        "<b 仅供内部></b>", "<p style='content:\"View only\"'>", "<input placeholder=\"No fork\">",
        "<meta name='license' content='Evaluation only'>", "<!DOCTYPE Staff eyes only>",
        "<a href='https://contoso.com/eula'>License</a>", "<a href=\"//contoso.com/eula\">license</a>",
        "[License](https://contoso.com/eula)", "[MIT license terms](https://contoso.com)",
    ],
)  # fmt: skip
def test_what_a_page_says_beside_its_text_is_text(put: str) -> None:
    first, _, rest = MIT.partition("Permission")
    assert meaning(f"{first}{put}\n\nPermission{rest}") != "open"
    assert meaning(PAGE.format(f"{put} {MIT}")) != "open"


@pytest.mark.parametrize("tag", ["style", "script"])
def test_a_style_sheet_is_no_text_and_a_sentence_in_its_place_is(tag: str) -> None:
    code = f"<{tag}>body {{ color: black }}</{tag}>"
    assert meaning(PAGE.format(f"{code} {MIT}")) == "open"
    assert meaning(PAGE.format(f"<{tag}>Excluding resale</{tag}> {MIT}")) != "open"


def test_a_page_is_the_license_that_it_shows() -> None:
    head = (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">'
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, a=1">'
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-8"><link rel="stylesheet" href="a.css">'
        '</head><body class="page"><div id="top" hidden></div><a href="#top">MIT License</a> <pre style="color: red">'
    )
    assert meaning(f"{head}{MIT}</pre></body></html>") == "open"


ELSEWHERE = (
    "https://spdx.org/licenses/BUSL-1.1.html", "https://creativecommons.org/licenses/by-nc/4.0/",
    "https://licenses.nuget.org/BUSL-1.1", "https://en.wikipedia.org/wiki/Shareware",
    "https://www.microsoft.com/opensource/../eula", "https://www.gnu.org/licenses/nonfree", "www.contoso.com",
)  # fmt: skip
PAGES = (
    "https://opensource.org/licenses/MIT", "http://www.opensource.org/licenses/mit-license.php",
    "https://spdx.org/licenses/MIT.html", "https://choosealicense.com/licenses/mit/",
    "https://en.wikipedia.org/wiki/MIT_License", "https://licenses.nuget.org/MIT",
    "https://www.gnu.org/licenses/gpl-3.0.html", "https://creativecommons.org/publicdomain/zero/1.0/legalcode",
)  # fmt: skip


@pytest.mark.parametrize(
    "form", ["License: {}", "See {}", "License URL: {}", "You may obtain a copy of the License at {}"]
)
def test_an_address_of_other_terms_leaves_no_text_open(form: str) -> None:
    told = [page for page in ELSEWHERE if meaning(f"{form.format(page)}\n\n{MIT}") == "open"]
    told += [page for page in ELSEWHERE if meaning(f"{MIT}\n\n{form.format(page)}") == "open"]
    assert told == []


def test_a_page_of_an_approved_license_may_stand_beside_a_text() -> None:
    assert [page for page in PAGES if meaning(f"{MIT}\n\nSee {page}") != "open"] == []


@pytest.mark.parametrize(
    "line",
    [
        "Verboten", "# Confidentiel", "My Nagware", "PROHIBIDA LA VENTA", "Nur Für Studenten",
        "Hochschulversion by Contoso",
        "BSL 1.1 and:", "Source\nAvailable", "Freemium:", "Nur.Privat", "केवल छात्रों के लिए", "Testversion.",
    ],
)  # fmt: skip
def test_a_word_that_nobody_knows_names_no_product(line: str) -> None:
    title, _, rest = MIT.partition("\n")
    for text in (f"{line}\n\n{MIT}", f"{title}\n\n{line}\n{rest}"):
        assert meaning(text) != "open", text[:80]


@pytest.mark.parametrize(
    "line",
    [
        "Json.NET Schema",
        "Command Line Parser Library",
        "AutoMapper",
        "xUnit.net",
        "Quuxly",
        "Quux.VisualStudio.Threading",
    ],
)
def test_a_product_is_known_by_its_words_by_their_form_or_by_being_named_again(line: str) -> None:
    assert meaning(f"{line}\n\n{MIT.replace(NOTICE, 'Copyright (c) 2020 Quuxly')}") == "open"
