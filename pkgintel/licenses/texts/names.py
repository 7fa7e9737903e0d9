"""What may stand where a license leaves a place for a name: holders, years, companies, addresses.

A name is recognised, never assumed: each of its words is one that names are made of (`PARTIES`, years, addresses,
initials), or one that no license uses in its sentences and that is written as names are. A word of prose counts as part
of a name only if it is known to name people or products, and is written with a capital. So no sentence can hide in a
copyright line, whatever it says and in whatever language.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from pkgintel.licenses.texts.words import COPYRIGHT, MAIL, URL, Passage, is_mixed, word_set

MOST_WORDS = 24  # of one name or list of names
MOST_PROSE = 5  # first names and the like among them
MOST_ROW = 3  # words in a row that nothing separates: James Newton King
MOST_HAN = 3  # signs of a name in a script without capitals, unless it says itself that it is a company

PARTIES = word_set(
    """
    a ab ag and aps aka association associates author authors bv by centre center co com committee committer
    committers community company computer computing consortium consulting collaborator collaborators contributor
    contributors copyright copyrighted corp corporation corporate de del der design designs developer developers
    development dot du e ev education engineering enterprise enterprises et etc europe foundation fullname gbr gmbh
    group holder holders holding holdings inc incorporated initiative institute institution international its kg kk
    lab laboratories laboratory labs ltd ltda limited llc llp maintainer maintainers media mbh national net network
    networks nv of office org organisation organization other others owner owners oy oyj partners plc portions
    present project projects pte pty regents research s sa sarl sas school science sciences services sl solutions
    srl spa software state states studio studios system systems team tech technologies technology the their trust
    trustees united university universities usa van von worldwide year years yyyy yy zoo world all data code source
    open or online digital game games graphics interactive mobile web works cloud library libraries microsystems
    name initial unported rights reserved contributions by reserve reserved jr sr phd dr mr mrs ms prof st npm js py
    io ai net qt sta al bin bint da das den di do documentcloud dos el i la las le les livecharts los ten ter und y
    zu zum zur
    """
)
# Names of people that are words of English too; they count only with a capital.
GIVEN = word_set(
    """
    allen april art august baker bell bill bird black booth brook brown burns carpenter case chance chase christian
    church clay cook cooper cross dan day dean drew example field fields fisher ford forest foster fox francis frank
    gates grace grant gray green grove guy hall harry hill holly hope house hunter iris jack jean joy june kay king
    lake lane law lee li little long love marks mark martin mason miles miller mills moon moore morales page park
    parks parsons patience peace penny peter pierce pitt pool pope porter post price prince ray reed rice rich ring
    rivers rob robin rock rod root rose roy ruby russell sage scott short singer small smart smith stark steel stone
    street strong sue summer summers sun taylor temple terry todd tucker turner van victor wade walker wall ward
    warren waters weaver webb west white will winter wise wolf wood woods wright young
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
        "investigative reporters and editors",
        "free software foundation",
        "as listed in authors",
    )
)
_CODE_HOSTS = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "twitter.com"})
_YEAR = re.compile(r"(?:19|20)\d\d(?:s)?|\d{1,2}|20\d\dpresent")
# Letters of other alphabets that look like Latin ones.
_TWINS = str.maketrans("асеорхуіјѕһԁԛԝкмнтвгпαορνικτυχ", "aceopxyijshdqwkmhtbrnaopviktux")


_HUMP = re.compile(r"[^\W\d_a-z]+(?![a-z])|[^\W\d_]?[a-z]+|[^\W\d_]+")  # Fluent and Validation of FluentValidation
_JOINED = frozenset({".", "-", "_", "@", "'"})  # AngularJS.core
_LABELS = frozenset({COPYRIGHT, "copyright", "holder", "author", "authors"})  # Copyright: Jane Doe
_COMPANY = re.compile("公司|会社|集团|集團|大学|大學|工作室|团队|有限|주식회사")


@dataclass(frozen=True, slots=True)
class Prose:
    """The words that licenses use in their sentences, and those among them that may be part of a name."""

    words: frozenset[str]
    nameable: frozenset[str]


def is_name(passage: Passage, start: int, end: int, prose: Prose, opens: bool = False) -> bool:
    """Whether the words from start to end are names, years and addresses, and nothing else.

    `opens`: the name may open a sentence, as where a license itself has a place for one.
    """
    if end - start > MOST_WORDS:
        return False
    seen = 0
    row = _row_before(passage, start, prose)
    behind = start
    for index in range(start, end):
        word = passage.words[index]
        behind = max(behind, _phrase(passage, index, end))
        if index < behind or word in PARTIES or word == COPYRIGHT or _YEAR.fullmatch(word) or word.startswith(MAIL):
            row = 0
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
        else:
            row = row + 1 if _follows(passage, index) else 1
            head = opens and index == start
            if row > MOST_ROW or not _is_written_as_a_name(passage, index, row, prose, head):
                return False
            continue
        row = 0
    return True


def _row_before(passage: Passage, start: int, prose: Prose) -> int:
    """How many words that are neither prose nor parties stand right before a word, so that none hides in two names."""
    row = 0
    while row < MOST_ROW and _follows(passage, start - row):
        word = passage.words[start - row - 1]
        if word in PARTIES or word in prose.words or _YEAR.fullmatch(word) or word.startswith((COPYRIGHT, MAIL, URL)):
            break
        row += 1
    return row


def _follows(passage: Passage, index: int) -> bool:
    """Whether nothing but white space within a line, or the vowel signs of a script, separates a word from the last."""
    if not 0 < index < len(passage) or passage.lines[index - 1] != passage.lines[index]:
        return False
    between = passage.text[passage.ends[index - 1] : passage.starts[index]]
    return between == " " or (
        between != "" and all(sign.isspace() or unicodedata.category(sign)[0] == "M" for sign in between)
    )


def _is_written_as_a_name(passage: Passage, index: int, row: int, prose: Prose, head: bool) -> bool:
    """Whether a word that is no prose is written as part of a name: Müller, jQuery, v8, 李小龙, or ploeh at its head.

    `row`: such words in a row up to this one; `head`: it may open a sentence.
    """
    word, written = passage.words[index], passage.written(index)
    same_line = index > 0 and passage.lines[index - 1] == passage.lines[index]
    if same_line and not head and passage.words[index - 1] not in _LABELS and _ends_sentence(passage, index):
        return False
    if word.isdigit() or any(sign.isdigit() for sign in word):
        return True
    if written.lower() == written.upper():  # A script without capitals: nothing shows where a sentence begins.
        return row < MOST_ROW and len(word) <= (5 * MOST_HAN if _COMPANY.search(word) else MOST_HAN)
    if written != written.lower():
        parts = [part.lower() for part in _HUMP.findall(written)]
        return len(parts) == 1 or any(part not in prose.words or part in prose.nameable for part in parts)
    if not same_line or passage.text.islower():
        return True
    before = passage.words[index - 1]
    joined = passage.text[passage.ends[index - 1] : passage.starts[index]] in _JOINED
    return joined or before in {COPYRIGHT, "copyright", "and", "by", "of"} or _YEAR.fullmatch(before) is not None


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
    before = passage.words[index - 1]
    shortened = len(before) < 3 or before in PARTIES  # J. Doe, Contoso Inc.
    return any(sign in between for sign in ";:!?") or ("." in between and not shortened)


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


def is_on_code_host(word: str) -> bool:
    """Whether a word is an address on a host of repositories."""
    return word.startswith(URL) and word.removeprefix(URL).partition("/")[0] in _CODE_HOSTS
