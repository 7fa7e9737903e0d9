"""Bytes → text: encodings, RTF, HTML and the entities of either, in time and memory linear in the bytes.

Markup is taken away, what it marks stays: a sentence hidden in an HTML comment or in an attribute is a sentence of the
text, and what is struck out is no part of a license. Only style sheets and scripts of a page, and links within a
document, go with their markup.
"""

import codecs
import html
import re
from dataclasses import dataclass

from pkgintel.licenses.texts.words import word_set

MAX_BYTES = 1_000_000  # nuget.org takes no license file over 1 MB
MAX_CHARACTERS = 200_000

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FOREIGN = (b"PK\x03\x04", b"%PDF-", b"\x1f\x8b", b"\x7fELF", b"\x89PNG", b"\xd0\xcf\x11\xe0", b"7z\xbc\xaf", b"BZh")
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

_BLOCK = (
    "address|article|blockquote|body|br|center|dd|div|dl|dt|footer|form|h[1-6]|head|header|hr|html|li|main|nav|ol|p"
)
_BLOCK += "|pre|section|table|tbody|td|th|thead|title|tr|ul"
_INLINE = "a|abbr|b|big|button|code|em|font|i|img|input|label|link|meta|o:p|small|span|strong|sub|sup|tt|u|var"
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK})(?:\s[^<>]{{0,2000}})?/?>", re.IGNORECASE)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE})(?:\s[^<>]{{0,2000}})?/?>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)(?:\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)'|([^\s\"'<>]+)))?")
# Attributes that no page shows; what they say counts only where it is three words in a row.
_SETTINGS = word_set(
    """
    align border cellpadding cellspacing charset class color colspan dir face for height href http-equiv id lang
    language media method name property rel role rowspan size src style tabindex target type valign width xml:lang
    xmlns
    """
)
_SWITCHES = frozenset({"async", "checked", "compact", "defer", "disabled", "hidden", "noshade", "nowrap", "readonly"})
_ELSEWHERE = re.compile(r"(?:https?:)?//|www\.", re.IGNORECASE)
_OF_THE_PAGE = re.compile(r"viewport|http-equiv|generator|progid|originator", re.IGNORECASE)
_WORDS = re.compile(r"[^\W\d_]{2,}[\s,]+[^\W\d_]+[\s,]+[^\W\d_]")
_PAGE = re.compile(r"\s*(?:<!doctype html|<html|<\?xml)", re.IGNORECASE)
_DOCTYPE = re.compile(
    r"<!doctype\s+html(?:\s+(?:public|system)|"
    r"\s+[\"'](?:-//(?:W3C|IETF)//|https?://www\.w3\.org/|about:)[^<>\"']{0,99}[\"'])*\s*>",
    re.IGNORECASE,
)
_UNSEEN = re.compile(r"<(style|script)(?:\s[^<>]{0,2000})?>([^<]{0,100000})</\1\s*>", re.IGNORECASE)
_NAMES_TERMS = re.compile(r"(?=.*(?:licen[cs]e|terms|conditions|agreement))(?:\S+\s*){1,4}", re.IGNORECASE)
_STEWARD = re.compile(r"https?://(?:www\.)?(?:apache|gnu|mozilla|opensource|spdx)\.org/", re.IGNORECASE)
_LINK = re.compile(r"\[([^\[\]]{1,300})\]\(<?(?:(https?://[^()\s<>]{0,500})|(?:#|\.{0,2}/)[^()\s<>]{0,500})>?\)")

_RTF_PART = re.compile(
    r"\\'([0-9a-fA-F]{2})|\\u(-?\d{1,7})\s?|\\([a-zA-Z]{1,32})(-?\d{1,10})?[ ]?|\\([^a-zA-Z])"
    r"|([{}])|([\r\n]+)|([^\\{}\r\n]+)"
)
# Groups that hold no text of the document; those behind a star are of programs that not every program knows.
_RTF_UNSEEN = word_set(
    """
    fonttbl colortbl stylesheet info pict object themedata colorschememapping latentstyles datastore generator
    listtable listoverridetable rsidtbl xmlnstbl filetbl revtbl
    """
)
_RTF_STARRED = _RTF_UNSEEN | word_set(
    """
    aftnsep aftnsepc aftnsepcn atrfstart atrfend background bkmkend bkmkstart blipuid cs defchp defpap ds falt fldinst
    ftnsep ftnsepc ftnsepcn listpicture mmathpr nonesttables objclass objdata oleclsid panose passwordhash pgdsctbl
    pgptbl picprop pn pnseclvl protusertbl shppict template ts userprops wgrffmtfilter writereservhash
    """
)
_RTF_NAMED = frozenset({"fonttbl", "stylesheet", "latentstyles", "listtable", "info", "generator", "fldinst"})
_RTF_TOLD = frozenset({"title", "subject", "keywords", "doccomm", "comment"})  # Of a document's properties.
_RTF_STRUCK = frozenset({"strike", "striked", "deleted"})
_PAIR = re.compile(r"[^\W\d_]{2,}[\s,]+[^\W\d_]{2,}")
_SENTENCE = re.compile(r"(?:[^\W\d_]+[\s,]+){4}[^\W\d_]")  # Words in a row that no font and no style has in its name.
_RTF_SPACE = {"par": "\n", "line": "\n", "sect": "\n", "page": "\n", "row": "\n", "tab": " ", "cell": " "}
_RTF_SIGNS = {"lquote": "'", "rquote": "'", "ldblquote": '"', "rdblquote": '"', "endash": "-", "emdash": "-"}
_RTF_SYMBOLS = {"~": " ", "_": "-", "-": "", "{": "{", "}": "}", "\\": "\\", "\n": "\n", "\r": "\n"}


class NotText(ValueError):
    """The bytes are no text; the message says what they are."""


class TooLong(ValueError):
    """The bytes or characters are more than are read; the message has the numbers."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text without markup, and the encoding that its bytes had."""

    text: str
    encoding: str


def decode(body: bytes) -> Decoded:
    """The text of a license file.

    Raises: NotText, TooLong.
    """
    if len(body) > MAX_BYTES:
        raise TooLong(f"it has {len(body):,} bytes, and at most {MAX_BYTES:,} are read")
    if body.startswith(_FOREIGN):
        raise NotText("it is an archive, a program or another kind of document")
    text, encoding = _characters(body)
    if text.lstrip().startswith("{\\rtf"):
        text = _without_rtf(text)
    elif _BINARY.search(text):
        raise NotText("it holds control characters, which no text has")
    if len(text) > MAX_CHARACTERS:
        raise TooLong(f"it has {len(text):,} characters, and at most {MAX_CHARACTERS:,} are read")
    return Decoded(_without_html(text), encoding)


def _characters(body: bytes) -> tuple[str, str]:
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace"), encoding
    head = body[:2000]
    if len(head) > 3 and head.count(0) > len(head) // 3:
        encoding = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        return body.decode(encoding, "replace"), encoding
    try:
        return body.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace"), "cp1252"


def _without_html(text: str) -> str:
    if "<" in text:
        text = _UNSEEN.sub(_unseen, text) if _PAGE.match(text) else text
        text = _DOCTYPE.sub("\n", text)
        text = _BLOCK_TAG.sub(lambda tag: f"\n{_said(tag.group())}\n", text)
        text = _INLINE_TAG.sub(lambda tag: _said(tag.group()), text)
    if "](" in text:
        text = _LINK.sub(_linked, text)
    return html.unescape(text) if "&" in text else text


def _unseen(block: re.Match[str]) -> str:
    """Nothing for a style sheet or a script; words that are no code of either stay."""
    return "\n" if any(sign in block[2] for sign in "{}=();") else f"\n{block[2]}\n"


def _linked(link: re.Match[str]) -> str:
    """A Markdown link without its address, unless it is a title of terms: others may lie behind it."""
    text, address = link.groups()
    says = address and _NAMES_TERMS.fullmatch(text) and not _STEWARD.match(address)
    return f"{text} <{address}>" if says else text


def _said(tag: str) -> str:
    """What the attributes of a tag say: where a link leads, its title, the text beside a picture, a word by itself."""
    if " " not in tag and "\n" not in tag:
        return ""
    said = []
    for name, *values in _ATTRIBUTE.findall(re.sub(r"^<\S+", "", tag)):
        value = "".join(values)
        if _is_shown(name.lower(), value, tag):
            said.append(value or name)
    return f" {' '.join(said)} " if said else ""


def _is_shown(name: str, value: str, tag: str) -> bool:
    """Whether an attribute is no setting of a page, or one that says something."""
    if not value:
        return name not in _SWITCHES | _SETTINGS
    if name == "href" and _ELSEWHERE.match(value):
        return True
    setting = name in _SETTINGS or (name == "content" and _OF_THE_PAGE.search(tag) is not None)
    written = name == "style" and value.startswith("content:")
    return not setting or written or (_WORDS.search(value) is not None and ";" not in value)


def _without_rtf(text: str) -> str:
    """The characters of a rich text document without fonts, styles and pictures, unless a sentence hides in them."""
    out: list[str] = []
    hidden: list[str] = [""]  # The kind of group that hides what it holds.
    starred = False
    for part in _RTF_PART.finditer(text):
        brace, word = part[6], part[3]
        if brace == "{":
            hidden.append(hidden[-1])
        elif brace == "}":
            if len(hidden) > 1:
                hidden.pop()
        elif word and _names_group(word, hidden[-1], starred):
            hidden[-1] = word
        elif not hidden[-1]:
            out.append(_rtf_sign(part))
        elif part[8] and _says(hidden[-1], part[8]):
            out.append(f"\n{part[8]}\n")
        starred = part[5] == "*"
    return "".join(out)


def _names_group(word: str, within: str, starred: bool) -> bool:
    """Whether a control word names a group that no program shows, or one of a document's properties."""
    if within == "info" and word in _RTF_TOLD:
        return True
    if within == "stylesheet":
        return False  # A style of characters is one of the styles.
    return word in _RTF_UNSEEN or (starred and word.lower() in _RTF_STARRED)


def _says(group: str, text: str) -> bool:
    """Whether words in a group that no program shows are more than its names and numbers."""
    if group in _RTF_TOLD:
        return True
    return (_SENTENCE if group in _RTF_NAMED else _PAIR).search(text) is not None


def _rtf_sign(part: re.Match[str]) -> str:
    code, point, word, symbol, plain = part[1], part[2], part[3], part[5], part[8]
    if plain is not None:
        return plain
    if code:
        return bytes([int(code, 16)]).decode("cp1252", "replace")
    if point:
        number = int(point) & 0xFFFF
        return "\ufffd" if 0xD800 <= number < 0xE000 else chr(number)
    if word in _RTF_STRUCK and part[4] != "0":
        return " \ufffd "
    if word:
        return _RTF_SPACE.get(word) or _RTF_SIGNS.get(word, "")
    return _RTF_SYMBOLS.get(symbol, "") if symbol else ""
