"""What may stand where a license leaves a place for a name: holders, years, companies, addresses.

A name is recognised, never assumed: each of its words is one that names are made of (`PARTIES`, years, addresses,
initials), or one that no license uses in its sentences. A word of prose counts as part of a name only if it is known to
name people or products, and is written with a capital. So no sentence can hide in a copyright line, whatever it says.
"""

import re
from dataclasses import dataclass
from functools import cache

from pkgintel.licenses.texts.words import COPYRIGHT, MAIL, URL, Passage, is_mixed, word_set

MOST_WORDS = 24  # of one name or list of names
MOST_PROSE = 5  # first names and the like among them

PARTIES = word_set(
    """
    a ab ag and aps aka association associates author authors bv by centre center co com committee community company
    computer computing consortium consulting contributor contributors copyright copyrighted corp corporation
    corporate de del der design designs developer developers development dot du e ev education engineering
    enterprise enterprises et etc europe foundation fullname gbr gmbh group holder holders holding holdings inc
    incorporated initiative institute institution international its kg kk lab laboratories laboratory labs ltd ltda
    limited llc llp maintainer maintainers media mbh national net network networks nv of office org organisation
    organization other others owner owners oy oyj partners plc portions present project projects pte pty regents
    research s sa sarl sas school science sciences services sl solutions srl spa software state states studio
    studios system systems team tech technologies technology the their trust trustees united university universities
    usa van von worldwide year years yyyy yy zoo world all data code source open or online digital game games
    graphics interactive mobile web works cloud library libraries microsystems name initial unported rights reserved
    contributions by reserve reserved jr sr phd dr mr mrs ms prof st npm js py io ai net qt
    """
)
# Names of people that are words of English too; they count only with a capital.
GIVEN = word_set(
    """
    april art august baker bell bill bird black booth brook brown burns carpenter case chance chase christian church
    clay cook cooper cross day dean drew example field fields fisher ford forest fox francis frank gates grace grant
    gray green grove guy hall harry hill holly hope house hunter iris jack jean joy june kay king lake lane law lee
    long love marks mark martin mason miles miller mills moon moore page park parks parsons patience peace penny
    peter pierce pitt pool pope porter post price prince ray reed rice rich ring rivers rob robin rock rod root rose
    roy ruby russell sage scott short singer small smart smith stark steel stone street strong sue summer summers
    sun taylor temple terry todd tucker turner van victor wade walker wall ward warren waters weaver webb west white
    will winter wise wolf wood woods wright young
    """
)
# Where the Free Software Foundation was and is, as its licenses have it.
FSF_ADDRESSES = (
    "51 franklin street fifth floor boston ma 02110 1301 usa",
    "51 franklin street fifth floor boston ma 02110 1301",
    "51 franklin st fifth floor boston ma 02110 1301 usa",
    "51 franklin street suite 500 boston ma 02110 1335 usa",
    "31 milk street 960789 boston ma 02196 usa",
    "59 temple place suite 330 boston ma 02111 1307 usa",
    "59 temple place suite 330 boston ma 02111 usa",
    "59 temple place boston ma 02111 1307 usa",
    "59 temple place suite 330 boston ma 021110 1307 usa",
    "675 mass ave cambridge ma 02139 usa",
)
# Runs of words that are no name by themselves, as notices use them.
PHRASES = tuple(
    tuple(phrase.split())
    for phrase in (
        *FSF_ADDRESSES,
        "individual contributors",
        "its affiliates",
        "and affiliates",
        "see the authors file",
        "see authors file",
        "see authors txt file",
        "see authors md file",
        "see authors txt",
        "see authors md",
        "see authors",
        "see authors for details",
        "see contributors",
        "listed in authors",
        "listed in the authors file",
        "contributors to the",
        "to present",
        "respective authors",
        "respective owners",
        "respective holders",
        "core team",
        "free software foundation",
        "as listed in authors",
    )
)
_CODE_HOSTS = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "twitter.com"})
_YEAR = re.compile(r"(?:19|20)\d\d(?:s)?|\d{1,2}|20\d\dpresent")
# Letters of other alphabets that look like Latin ones.
_TWINS = str.maketrans("асеорхуіјѕһԁԛԝкмнтвгпαορνικτυχ", "aceopxyijshdqwkmhtbrnaopviktux")


@dataclass(frozen=True, slots=True)
class Prose:
    """The words that licenses use in their sentences, and those among them that may be part of a name."""

    words: frozenset[str]
    nameable: frozenset[str]


def is_name(passage: Passage, start: int, end: int, prose: Prose, most: int = MOST_WORDS) -> bool:
    """Whether the words from start to end are names, years and addresses, and nothing else."""
    if end - start > most:
        return False
    seen = 0
    behind = start
    for index in range(start, end):
        word = passage.words[index]
        behind = max(behind, _phrase(passage, index, end))
        if index < behind or word in PARTIES or word == COPYRIGHT or _YEAR.fullmatch(word) or word.startswith(MAIL):
            continue
        if word.startswith(URL):
            if not _is_home(word):
                return False
            continue
        if is_mixed(word) or word == "\ufffd" or (len(word) == 1 and word.translate(_TWINS) != word):
            return False
        if word in prose.words or word.translate(_TWINS) in prose.words:
            seen += 1
            if seen > MOST_PROSE or not (word in prose.nameable or word in GIVEN):
                return False
            if not _has_capital(passage, index) or (index > start and _ends_sentence(passage, index)):
                return False
    return True


def _phrase(passage: Passage, index: int, end: int) -> int:
    """The word behind the longest of PHRASES that begins at `index`; `index` where none does."""
    most = index
    for phrase in _phrases_by_first().get(passage.words[index], ()):
        if index + len(phrase) <= end and tuple(passage.words[index : index + len(phrase)]) == phrase:
            most = max(most, index + len(phrase))
    return most


@cache
def _phrases_by_first() -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for phrase in PHRASES:
        found.setdefault(phrase[0], []).append(phrase)
    return found


def _ends_sentence(passage: Passage, index: int) -> bool:
    """Whether a sentence may end before a word: a full stop behind more than an initial or an abbreviation."""
    between = passage.text[passage.ends[index - 1] : passage.starts[index]]
    if not any(sign.isspace() for sign in between):
        return False  # Ninject.Extensions.Wcf
    return any(sign in between for sign in ";:!?") or ("." in between and len(passage.words[index - 1]) > 4)


def _has_capital(passage: Passage, index: int) -> bool:
    """Whether a word is written as names are: Line, GraphQL-core, or JS beside words that are not all in capitals."""
    written = passage.written(index)
    if passage.text.isupper() or passage.text.islower():
        return True  # The text does without the difference.
    joined = index > 0 and passage.text[passage.ends[index - 1] : passage.starts[index]] == "-"
    if joined and passage.written(index - 1)[:1].isupper():
        return True  # GraphQL-core
    if not written.isupper() or len(written) == 1:
        return written[:1].isupper()
    beside = passage.text[max(0, passage.starts[index] - 30) : passage.ends[index] + 30]
    return len(written) <= 4 and any(letter.islower() for letter in beside)


def _is_home(word: str) -> bool:
    """A front page, a project on a code host, or the page of somebody there: an address that states no terms."""
    host, _, path = word.removeprefix(URL).partition("/")
    return not path or (host in _CODE_HOSTS and path.count("/") < 2)
