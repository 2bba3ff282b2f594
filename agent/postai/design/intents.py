"""Reads wishes by what they intend: names of the schema and cues of an intention are taken out of a wish, in whatever
order they stand, and nothing may be left but words that say nothing. What is left over means that it is not sure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from postai.design.details import NUMBER
from postai.design.draft import Column, Table
from postai.design.ground import Ground
from postai.design.kinds import TYPE_WORDS
from postai.design.mentions import Said, key_or_column
from postai.language.word_set import word_set

LONGEST = 300
"""Characters of a wish that is read so."""

_TYPES = "|".join(sorted(map(re.escape, TYPE_WORDS), key=len, reverse=True))
_WORD = r"(?!@)(?:§\d+§|[\w·][\w.·/-]*)"
_VALUE = (
    rf"{_WORD}(?: (?!or\b|and\b|only\b|is\b|are\b|as\b|for\b|in\b|by\b|with\b|default|if\b|when\b|unless\b){_WORD})?"
)
_LIST = rf"(?:{_VALUE}, )*{_VALUE},? (?:or|and) {_VALUE}"
_C = r"@c\d+(?:(?:,? (?:and|or) |, )@c\d+)*"
_PIECES = {
    "MUST": r"(?:must|should|shall|has to|have to|had to|needs? to|need to|ought to|is to|are to|is supposed to|are "
    r"supposed to|will|would|may|can|could|might)",
    "STRONG": r"(?:must|should|shall|has to|have to|had to|needs? to|need to|ought to|is to|are to|is supposed to|are "
    r"supposed to|will)",
    "CAN": r"(?:may|can|could|might|should be allowed to|must be allowed to|should be able to|must be able to)",
    "M": rf"(?:{_C}|@t\d+(?:(?:,? and |, )@t\d+)*|(?:it|them|that|this)(?: table| column| field)?|table|column|field)",
    "C": _C,
    "K": r"(?:@c\d+(?:(?:,? and |, )@c\d+)*|@t\d+)",
    "T": r"@t\d+",
    "TAIL": r"(?P<tail>,? (?:which|that|with|default|defaults|defaulting|whose|not null|required|optional|unique|"
    r"between|from \d|of type)\b.*|, .*| §\d+§.*)?$",
    "KEEP": r"(?:store|keep|record|save|note|track|remember|register|capture|know|see|enter|write down|hold|log|"
    r"document|specify|put down|mark|indicate|say|tell|keep track of|take down)",
    "V": rf"(?P<v>(?!(?:it|they|value|values|its|always|not|default|be|is|are|to|of|with|new|and)\b){_WORD})",
    "N": rf"(?P<n>{NUMBER})(?:%| percent)?\b",
    "N2": rf"(?P<m>{NUMBER})(?:%| percent)?\b",
    "W": _VALUE,
    "L": _LIST,
    "L2": rf"(?:{_LIST}|{_VALUE}(?:, {_VALUE})+)",
    "Y": r"(?:called |named )?(?P<y>(?:@[tc]\d+|§\d+§|[\w\"]+)(?: [\w\"]+){0,6})",
    "TYPE": _TYPES,
}
FILLERS = word_set("""
    a an the please kindly we i you us our my one want wants wanted like need needs should must shall has have to be
    is are was were been being it they them this that these those there so and also just really now from here on too
    very quite simply well again ever make making made sure ensure ensures guarantee see set change mark declare let
    lets keep of for in at by with as its their his her each every all any can could will would do does think good
    idea nice fine important currently right today still already then finally ok okay always thing things turn case
    get gets database schema system application app kind sort possible future onwards happen happens better best
    time times enforce require add constraint check rule put value values record entry entries know say says said
    care take takes user users people everybody everyone he she allow allowed unfortunately sadly obviously clearly
    naturally course next step reading hence therefore introduce yes but store stored recorded save saved express
    help helps might may ought forward going altogether completely entirely instead existing current having
    """)
"""Words that say nothing where an intention is known."""


@dataclass(frozen=True)
class Cue:
    """How an intention may be said."""

    kind: str
    pattern: re.Pattern[str]
    more: str


@dataclass
class Found:
    """An intention that was found in a wish."""

    kind: str
    groups: dict[str, str]
    more: str
    text: str


@dataclass
class Reading:
    """A wish of which cues are taken out.

    Attributes:
        rest: what is left.
        found: the intentions, in order.
    """

    ground: Ground
    said: Said
    rest: str
    found: list[Found] = field(default_factory=list)

    def take(self, *kinds: str, start: bool = False) -> None:
        """Take all cues of some kinds out of the rest."""
        for cue in cues():
            if cue.kind not in kinds:
                continue
            for _ in range(4):
                match = cue.pattern.search(self.rest)
                if match is None or (start and match.start() > 0 and not filler(self.rest[: match.start()])):
                    break
                groups = {key: one.strip() for key, one in match.groupdict().items() if one is not None}
                if not self._fits(cue, groups, match[0]):
                    break
                self.found.append(Found(cue.kind, groups, cue.more, match[0]))
                names = " ".join(re.findall(r"@[tc]\d+", match[0])) if cue.kind not in ("rename", "remove") else ""
                self.rest = " ".join(f"{self.rest[: match.start()]} {names} {self.rest[match.end() :]}".split())

    def _fits(self, cue: Cue, groups: dict[str, str], text: str) -> bool:
        if cue.more == "listed":
            place = re.search(r"@c(\d+)", text)
            return bool(place) and bool(values_there(*self.said.columns[int(place[1])])) if place else False
        if cue.kind in ("also", "noval") and self.said.columns:
            return any(values_there(*one) for one in self.said.columns)
        return not ("v" in groups and groups["v"].lower() in FILLERS)

    def done(self, *, but: frozenset[str] = frozenset()) -> bool:
        """Whether nothing is left that says something."""
        return filler(re.sub(r"@[tc]\d+", " ", self.rest), but)

    def table(self, mark: str) -> Table:
        """The table of a mark."""
        return self.said.tables[int(mark[2:])]

    def place(self, mark: str) -> tuple[Table, Column]:
        """The column of a mark."""
        return self.said.columns[int(mark[2:])]

    def places(self, text: str, holder: Table | None = None) -> list[tuple[Table, Column]]:
        """The columns of the marks of a text, keys to tables among them."""
        found = []
        for mark in re.findall(r"@[tc]\d+", text):
            if mark[1] == "c":
                found.append(self.place(mark))
            elif holder is not None and self.table(mark) is not holder:
                key = key_or_column(self.ground, holder, self.table(mark))
                if key is not None:
                    found.append((holder, key))
        return found


@cache
def cues() -> tuple[Cue, ...]:
    """The cues of intentions.txt."""
    made = []
    for line in (resources.files(__package__) / "intentions.txt").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        kind, _, rest = line.partition(" => ")
        pattern, _, more = rest.partition(" ? ")
        text = re.sub(r"\{([A-Z]\w*)\}", lambda m: _PIECES[m[1]], pattern)
        text = re.sub(r"\{([A-Z]\w*)\}", lambda m: _PIECES[m[1]], text)
        begin = r"(?<![\w@§])" if re.match(r"[\w(]", pattern) else ""
        made.append(Cue(kind, re.compile(rf"{begin}(?:{text})(?![\w§])", re.I), more.strip()))
    return tuple(made)


def says(kind: str, text: str) -> bool:
    """Whether a text has a cue of a kind."""
    return any(one.pattern.search(text) for one in cues() if one.kind == kind)


def without(kind: str, text: str) -> str:
    """The text without the cues of a kind."""
    for one in cues():
        if one.kind == kind:
            text = one.pattern.sub(" ", text)
    return " ".join(text.split())


def filler(text: str, but: frozenset[str] = frozenset()) -> bool:
    """Whether a text has no word that says something."""
    words = [one.lower() for one in re.findall(r"[^\s,;:.!-]+", text)]
    return all(one in FILLERS or one in but for one in words)


def values_there(table: Table, column: Column) -> tuple[str, ...]:
    """The values that a rule allows in a column."""
    return next((one.values for one in table.rules if one.values and one.columns == (column.name,)), ())
