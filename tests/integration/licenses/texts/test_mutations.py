"""Changes of which the reader's own tests know nothing: none of the harmful ones leaves a text open."""

import re
from random import Random

import pytest

from tests.support.license_texts import COMMON, NOTICE, meaning, written
from tools.mutations import HARMFUL, Change, harmless
from tools.restrictions import FOREIGN

TEXTS = {name: written(name) for name in COMMON}


@pytest.mark.parametrize("change", HARMFUL, ids=lambda change: change.__name__)
def test_no_harmful_change_leaves_a_text_open(change: Change) -> None:
    random = Random(change.__name__)
    opened = []
    for _ in range(15):
        text = TEXTS[random.choice(COMMON)]
        changed = change(text, random)
        if changed is not None and changed != text and meaning(changed) == "open":
            opened.append(changed[:400])
    assert opened == []


def test_a_sentence_in_another_language_is_no_name() -> None:
    text = TEXTS["MIT"]
    for said in FOREIGN:
        for place in (f"{NOTICE}, {said}", f"{NOTICE}. {said}", f"{NOTICE} ({said})", f"{said}\n\n{NOTICE}"):
            assert meaning(text.replace(NOTICE, place)) != "open", place


@pytest.mark.parametrize(
    "holder",
    [
        *(
            "ploeh",
            "Jörg Müller",
            "José Luis de la Torre",
            "李小龙",
            "Иван Петров",
            "腾讯科技有限公司",
            "iText Group NV",
        ),
        *(
            "Sébastien Ros",
            "Ludwig van den Berg",
            "damianh and contributors",
            "JetBrains s.r.o.",
            "Müller und Söhne GmbH",
        ),
    ],
)
def test_a_name_is_a_name_in_any_language(holder: str) -> None:
    assert meaning(TEXTS["MIT"].replace(NOTICE, f"Copyright (c) 2013-2020 {holder}")) == "open"


TAKEN = ("Revoked", "Rented", "Never Redistributing", "Forfeit", "Chargeable", "Timesharing", "Debug Builds Alone")


@pytest.mark.parametrize("said", TAKEN)
def test_a_word_of_terms_is_no_holders_name(said: str) -> None:
    text = TEXTS["MIT"]
    for place in (
        f"{NOTICE} {said}",
        f"{NOTICE}, {said}",
        f"Copyright (c) 2013, {said} Contoso",
        f"{said}\n\n{NOTICE}",
    ):
        changed = text.replace(NOTICE, place)
        assert [form[:90] for form in (changed, changed.upper(), changed.lower()) if meaning(form) == "open"] == []


def test_a_number_behind_a_title_begins_no_sentence() -> None:
    assert meaning(f"Version 1 uses the MIT License.\n\n{TEXTS['MIT']}") != "open"


@pytest.mark.parametrize("change", HARMFUL, ids=lambda change: change.__name__)
def test_no_harmful_change_leaves_a_text_open_in_another_dress(change: Change) -> None:
    random = Random(f"{change.__name__} dressed")
    for _ in range(6):
        changed = change(TEXTS[random.choice(COMMON)], random)
        for form in (str.upper, str.lower, lambda text: " ".join(text.split())) if changed else ():
            assert meaning(form(changed)) != "open", form(changed)[:400]


@pytest.mark.parametrize("word", ["~~sell~~", "<s>sell</s>", "<del>sell</del>", "s\u0336e\u0336l\u0336l\u0336"])
def test_a_right_that_is_struck_out_is_none(word: str) -> None:
    changed = re.sub(r"\bsell\b", word, TEXTS["MIT"])
    assert changed != TEXTS["MIT"]
    assert meaning(changed) != "open"


def test_another_dress_is_the_same_text() -> None:
    random = Random(14)
    kept = [meaning(harmless(TEXTS[random.choice(COMMON)], random)) == "open" for _ in range(100)]
    assert sum(kept) >= 99
