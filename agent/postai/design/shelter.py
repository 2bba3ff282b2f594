"""Text prepared for reading: brackets and quoted words are put aside as marks, so that what is left splits well."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_MARK = re.compile(r"§(\d+)§")
_QUOTED = re.compile(r"\"([^\"\n]*)\"|“([^”\n]*)”|`([^`\n]*)`|(?<![\w'])'([^'\n]*)'(?!\w)")
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")
_VALUE = r"(?:§\d+§|[\w/+-]+(?: (?!or\b|and\b|by\b|in\b|which\b|that\b|with\b)[\w/+-]+){0,2})"
ENUMERATION = re.compile(rf"(?P<values>(?:{_VALUE}\s*,\s*)*{_VALUE}\s*,?\s+or\s+{_VALUE})", re.I)
_ENUM_NOUN = (
    "status|state|role|type|kind|level|priority|severity|size|gender|condition|method|mode|category|tier|plan|stage|"
    "phase|visibility|currency|colou?r|result|outcome|channel|frequency|format|unit|class|source|rank|mood|difficulty"
)
_NAMED_ENUM = re.compile(
    rf"\b(?P<noun>(?:[a-z]+[ _])?(?:{_ENUM_NOUN}))\s*(?:,\s*)?(?:(?:which|that)?\s*(?:is|are|can be|may be|must be|"
    rf"of)?\s*)?(?:either|one of|:|being|of)?:?\s+"
    rf"(?P<values>(?!is\b|are\b|that\b|which\b|for\b|in\b|on\b|must\b|may\b|can\b|has\b|should\b|defaults?\b|"
    rf"column\b)(?:{_VALUE}\s*,\s*)*(?:{_VALUE})\s*,?\s+or\s+{_VALUE})",
    re.I,
)
_THAT_IS = re.compile(
    rf"\b(?P<w>\w+),? (?:that|which) (?:is|are|can be|may be|must be) (?:always )?(?:either )?(?:one of )?:?\s*"
    rf"(?P<values>(?:{_VALUE}\s*,\s*)+(?:{_VALUE})\s*,?\s+or\s+{_VALUE})",
    re.I,
)
_PAIRS = re.compile(
    r"\b(start|starting|begin|opening|first|home|departure|arrival|billing|check-?in|minimum|min|planned|source|"
    r"origin|old|from|given|pickup|pick-?up)"
    r"\s+(?:and|/)\s+(?:an?\s+|the\s+)?(end|ending|finish|closing|last|away|arrival|departure|shipping|delivery|"
    r"check-?out|maximum|"
    r"max|actual|target|destination|new|to|family|drop-?off|return)"
    r"\s+([a-z]+)",
    re.I,
)
_RANGE = re.compile(
    r"\bbetween\s+(?:\S*\d\S*|zero|one|two|three|five|ten)\s+and\s+(?:\S*\d[^\s,.;]*|two|five|ten|twenty|"
    r"hundred)(?=[\s,.;]|$)",
    re.I,
)
_SPELLINGS = (
    (
        re.compile(
            r"\b(keeps?|maintains?|runs?|operates?|manages?|have|has|owns?|record|keep track of) (?:an?|the|our) "
            r"(?:\w+ )?(?:register|chain|network|list|"
            r"directory|catalogue|catalog|collection|database|fleet|registry|track) of\b",
            re.I,
        ),
        lambda m: m[1],
    ),
    (
        re.compile(
            r"\b(keeps?|maintains?|have|has|record|stores?|manages?) (?:records?|track|lists?|data|information|"
            r"details|a record|an overview) (?:of|on|about)\b",
            re.I,
        ),
        lambda m: m[1],
    ),
    (re.compile(r"\btake(s?) place\b", re.I), lambda m: f"happen{m[1]}"),
    (
        re.compile(
            r"\b(?:mark|save|flag|add|pin)(s?|ed)? (.{2,30}?) (?:as|to)(?: an?| their| his| its)? favou?rites?\b", re.I
        ),
        lambda m: f"favourite{ {'ed': 'd'}.get(m[1] or '', m[1] or '') } {m[2]}",
    ),
    (
        re.compile(r"\b(is|are|may be|can be) (?:made up|composed|built up) of\b", re.I),
        lambda m: "consists of" if m[1].lower() == "is" else "consist of",
    ),
    (
        re.compile(r"\bsign(s|ed)? up (?:for|to)\b", re.I),
        lambda m: {"s": "enrolls in", "ed": "enrolled in"}.get(m[1], "enroll in"),
    ),
    (re.compile(r"\be-mails?\b", re.I), lambda m: m[0].replace("-", "")),
    (re.compile(r"(?<!same )\b(?:date and time|time and date|date/time)\b", re.I), lambda _: "time"),
    (re.compile(r"\bcheck-(in|out)\b", re.I), lambda m: f"check{m[1]}"),
    (re.compile(r"\b(?:i\.e\.|e\.g\.|etc\.)", re.I), lambda m: m[0].replace(".", "")),
    (re.compile(r"\bcan't\b|\bcan not\b", re.I), lambda _: "cannot"),
    (
        re.compile(r"\b(is|are) (?:made up|composed|built up) of\b", re.I),
        lambda m: "consists of" if m[1].lower() == "is" else "consist of",
    ),
    (re.compile(r"\b(?:looked after|taken care of) by\b", re.I), lambda _: "supervised by"),
    (re.compile(r"\b(?:look after|take care of)\b", re.I), lambda _: "supervise"),
    (re.compile(r"\b(?:looks after|takes care of)\b", re.I), lambda _: "supervises"),
    (
        re.compile(r"\b(?:is|are) responsible for\b", re.I),
        lambda m: "supervises" if m[0].lower().startswith("is") else "supervise",
    ),
    (re.compile(r"\btakes part in\b", re.I), lambda _: "participates in"),
    (re.compile(r"\btake part in\b", re.I), lambda _: "participate in"),
    (re.compile(r"\b(?:nobody|no one|noone) else has\b", re.I), lambda _: "(unique)"),
    (re.compile(r"\bn't\b|n't\b", re.I), lambda _: " not"),
    (re.compile(r"[–—]"), lambda _: " - "),
)


@dataclass
class Shelter:
    """What was put aside.

    Attributes:
        kept: texts in order of their marks.
        quoted: numbers of those that stood in quotation marks.
    """

    kept: list[str] = field(default_factory=list)
    quoted: set[int] = field(default_factory=set)

    def prepare(self, text: str) -> str:
        """The text with one spelling of what has several, and marks in the place of brackets and quotes."""
        text = text.replace("§", " ")  # the sign of our own marks
        for pattern, instead in _SPELLINGS:
            text = pattern.sub(instead, text)
        text = _QUOTED.sub(lambda m: self.keep(next(filter(None, m.groups()), ""), quoted=True), text)
        while _BRACKETS.search(text):
            text = _BRACKETS.sub(lambda m: " " + self.keep(m[1] if m[1] is not None else m[2]), text)
        text = _PAIRS.sub(lambda m: f"{m[1]} {m[3]} and {m[2]} {m[3]}", text)
        text = _RANGE.sub(lambda m: " " + self.keep(m[0]), text)
        return re.sub(r"(\d)\.(\d)", "\\1·\\2", text)

    def protect_lists(self, text: str) -> str:
        """Values after a noun like status ("role owner, admin or member") put aside as "one of ..."."""
        text = _THAT_IS.sub(lambda m: f"{m['w']} {self.keep('one of ' + m['values'])}", text)
        return _NAMED_ENUM.sub(lambda m: f"{m['noun']} {self.keep('one of ' + m['values'])}", text)

    def keep(self, text: str, *, quoted: bool = False) -> str:
        """Put a text aside; the mark that stands in its place."""
        self.kept.append(text)
        if quoted:
            self.quoted.add(len(self.kept) - 1)
        return f"§{len(self.kept) - 1}§"

    def marks(self, text: str) -> list[str]:
        """What the marks of a text (not those of quoted words) stand for, opened completely."""
        found = [int(one) for one in _MARK.findall(text) if int(one) not in self.quoted]
        return [self.open(self.kept[one]) for one in found]

    def raw_marks(self, text: str) -> list[str]:
        """As `marks`, with the marks inside left closed."""
        return [self.kept[int(one)] for one in _MARK.findall(text) if int(one) not in self.quoted]

    def open(self, text: str) -> str:
        """The text with everything put back; quoted words in double quotes."""
        text = text.replace("·", ".")
        while found := _MARK.search(text):
            at = int(found[1])
            kept = self.kept[at]
            inside = f'"{kept}"' if at in self.quoted else kept
            text = text[: found.start()] + inside + text[found.end() :]
        return text.replace("·", ".")

    @staticmethod
    def bare(text: str) -> str:
        """The text without its marks."""
        return " ".join(_MARK.sub(" ", text).split())

    def without_details(self, text: str) -> str:
        """The text with quoted words put back as plain words, and the other marks left out."""
        return " ".join(_MARK.sub(lambda m: self.kept[int(m[1])] if int(m[1]) in self.quoted else " ", text).split())


def values_of(text: str) -> tuple[str, ...]:
    """The values of a list: "pending, paid or 'in progress'", "'a', 'b'", "a/b/c"."""
    text = re.sub(
        r"^(?:either|one of|any of|exactly one of|the following|:|only|be|are|is|the values?)\b[:\s]*",
        "",
        text.strip(" .:"),
        flags=re.I,
    )
    text = re.sub(r"^(?:either|one of|the following|:|the values?)\s*:?\s*", "", text, flags=re.I)
    text = re.sub(r"\s+(?:for|in|of|per) each\b.*$", "", text)
    parts = re.findall(r"\"([^\"]*)\"|'([^']*)'|([^,\"'|]+)", text)
    found = []
    for double, single, plain in parts:
        if double or single:
            found.append(double or single)
            continue
        for piece in re.split(r"\s*\b(?:or|and)\b\s+|\s*/\s*|\s*&\s*", plain):
            piece = re.sub(r"^(?:an?|the|else)\s+", "", piece.strip(" .:;"), flags=re.I)
            if piece:
                found.append(piece)
    return tuple(dict.fromkeys(one.strip() for one in found))
