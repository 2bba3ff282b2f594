"""What is said of one value: its name, type, range, default, whether it may be missing."""

from __future__ import annotations

import re

from postai.design.attributes import KEPT_PLURAL
from postai.design.details import Attribute, apply_details
from postai.design.frames.binding import Group, Values
from postai.design.frames.grammar import BE, HAVE, MODAL
from postai.design.frames.phrases import Item
from postai.design.frames.tokens import Tokens, text_of
from postai.design.kinds import is_unit, kind_of, with_unit
from postai.design.nouns import Noun, plural, singular
from postai.design.verbs import is_participle
from postai.language.numbers import NUMBER_WORDS
from postai.language.word_set import word_set

_MAY_MISS = re.compile(
    r"\b(?:optional|nullable|unknown|missing|(?:can|may|might) be (?:open|empty|null|left|omitted|blank|absent)|"
    r"(?:is|are|stays?|remains?) (?:empty|unknown|open|not known|null|blank|unset|not set)|empty (?:until|before|"
    r"while|at|as|when|if)|"
    r"if (?:it|they|he|she|there|one|known|any|given|present|applicable|available|granted|needed|set)\b|once (?:it|"
    r"they|the)|as long as|"
    r"(?:comes|follows|is set|is filled|is known|is given|is added|added|known|filled in|set) (?:only )?(?:later|"
    r"afterwards)|"
    r"later on|not (?:yet )?known|only (?:known|set|when|if|after|once)|until (?:then|it|they|he|she|the)|need not|"
    r"not (?:always|required|mandatory)|afterwards)\b|^if \w+ed\b|^later$|^empty$"
)
_MUST = re.compile(
    r"\b(?:(?<!not )required|mandatory|always (?:known|given|set|filled|present)|must (?:always )?be (?:known|given|"
    r"set|filled|present|provided)|"
    r"never (?:missing|empty|null|unknown)|cannot be (?:missing|empty|null|unknown)|filled in|not null|has to be "
    r"(?:given|filled|known|set))\b"
)
_IN_UNIT = re.compile(
    r"^(?:measured |given |stored |counted |expressed )?in (?:whole |full "
    r")?(?P<unit>[a-zA-Z]+(?:[/²³][a-z0-9²³]+)?)(?:\s+per\s+(?P<per>\w+))?\b"
)
_NO_UNIT = word_set("words full english stock order one two three this that which a an the each capitals html markdown")
_TEXTS = word_set(
    "description summary caption photo image picture phone telephone fax website homepage email logo mobile "
    "nickname biography bio score rating"
)
_PLANNED = word_set(
    "end departure publication expiry expiration delivery payment closing due shipping last confirmed verified"
)
_COPULA = word_set("is was are were be been being has have had")


def attribute_of(item: Item) -> Attribute | None:
    """A phrase of a list as a value; None where it names nothing."""
    asked = next(
        (
            mod
            for mod in item.mods
            if mod[0].lower() in ("whether", "if")
            and item.noun
            and item.noun.head in ("flag", "marker", "indicator", "note")
        ),
        None,
    )
    if asked is not None:
        item.mods.remove(asked)
        made = _asked(asked)
    else:
        made = _asked(item.core) if item.noun is None else _named(item)
    if made is None:
        return None
    for mod in item.mods:
        condition(made, mod)
    return made


def _named(item: Item) -> Attribute | None:
    noun = item.noun
    assert noun is not None
    words = noun.words
    moment = next((one for one in item.mods if _when(one)), None)
    if words in (("date",), ("time",), ("day",), ("moment",)) and moment is not None:
        spot = next((i for i, one in enumerate(moment) if one.lower() == "in" and is_unit(moment[-1].lower())), None)
        if spot is not None:
            name, kind_type = with_unit(words, moment[-1], "integer")
            item.mods.remove(moment)
            return Attribute(noun, name, kind_type, text=item.text)
        item.mods.remove(moment)
        return _moment(words[0], moment)
    kind = kind_of(words)
    name = kind.name
    if "of" in name:
        head, _, behind = " ".join(name).partition(" of ")
        tail = tuple(one for one in behind.split() if one not in ("the", "a", "an", "each", "every", "its"))
        name = (
            (*tail, *head.split())
            if len(tail) < 3 and head in ("time", "date", "code", "price", "size", "address")
            else tuple(head.split())
        )
        kind = kind_of(name)
    made = Attribute(
        noun,
        name,
        kind.type,
        unique_by_nature=kind.unique,
        optional_by_nature=kind.optional and name[-1] not in _TEXTS and name[0] not in _PLANNED,
        default=kind.default,
        text=item.text,
    )
    if noun.plural and f"{name[-1]}s" in KEPT_PLURAL:
        made.name = (*name[:-1], f"{name[-1]}s")
    if len(name) > 2 and name[0] in NUMBER_WORDS and name[1] in ("letter", "digit", "character"):
        made.name = name[2:]
        made.checks.append(f"char_length({{c}}) = {NUMBER_WORDS[name[0]]}")
    if made.name[0] in ("max", "min") and made.name[-1] == "count" and len(made.name) > 2:
        made.type, made.name = "integer", (*made.name[:-2], plural(singular(made.name[-2])))
    made.heed(noun.flags)
    if len(name) > 1 and name[-1] in ("before", "after"):
        made.type = kind_of(name[:-1]).type
    if made.type == "text" and any(is_unit(one) for one in name[:-1]) and name[-1] in ("mark", "point", "limit"):
        made.type = "numeric"
    return made


def _when(mod: Tokens) -> bool:
    low = [one.lower() for one in mod]
    return low[0] in ("it", "they", "he", "she", "when") or low[:2] in (["on", "which"], ["at", "which"])


def _moment(head: str, mod: Tokens) -> Attribute | None:
    """ "The date it was handed out", "the time when it started": named after what was done."""
    words, rest = _clause_words(mod)
    while words and words[0] in ("when", "on", "at", "which"):
        words = words[1:]
    if not words:
        return None
    spot = next((i for i, one in enumerate(words) if is_participle(one) or one in _COPULA), None)
    done = [one for one in (words[spot:] if spot is not None else words[1:]) if one not in _COPULA][:3]
    if not done:
        return None
    if done[-1] in ("back", "returned") and done[0] != "paid":
        done = ["returned"]
    suffix = "at" if head in ("time", "moment") else "on"
    name = (
        *(singular(one) if one.endswith("s") and len(done) == 1 and not one.endswith("ss") else one for one in done),
        suffix,
    )
    kind = kind_of(name)
    made = Attribute(Noun(name), name, "timestamptz" if suffix == "at" else "date", text=text_of(mod),
                     optional_by_nature=kind.optional and done == ["returned"])  # fmt: skip
    if rest:
        condition(made, rest)
    return made


def _clause_words(tokens: Tokens) -> tuple[list[str], Tokens]:
    """The leading plain words of a subordinate clause, lower case, and what is said behind them."""
    at = 0
    done = False
    while at < len(tokens) and tokens[at][0].isalpha() and tokens[at].lower() not in ("if", "unless", "until"):
        if done and tokens[at].lower() in BE:
            break
        done = done or is_participle(tokens[at].lower()) or (at > 0 and tokens[at - 1].lower() in BE)
        at += 1
    return [one.lower() for one in tokens[:at]], tokens[at:]


def _asked(core: Tokens) -> Attribute | None:
    """ "Whether it is paid", "when it arrived", "how many seats are wanted"."""
    words, rest = _clause_words(core)
    if not words:
        return None
    made: Attribute | None = None
    if words[0] in ("whether", "if"):
        made = _flag(words[1:])
    elif words[0] in ("when", "since"):
        made = _moment("time", core[1:]) or Attribute(Noun(("created", "at")), ("created", "at"), "timestamptz")
        rest = []
    elif words[:2] in (["how", "many"], ["how", "much"]):
        made = _count(words)
    elif words[0] == "where":
        made = Attribute(Noun(("place",)), ("place",), "text")
    if made is not None:
        made.text = text_of(core)
        if rest:
            condition(made, rest)
    return made


def _flag(words: list[str]) -> Attribute | None:
    verb = next((i for i, one in enumerate(words) if one in BE | HAVE | MODAL), None)
    if verb is None:
        done = [one for one in words if is_participle(one)]
        name: tuple[str, ...] = tuple(done[-1:])
    else:
        rest = [
            one
            for one in words[verb:]
            if one not in BE | {"been", "already", "still", "currently", "the", "a", "an", "yet", "also", "not", "or"}
        ]
        had = words[verb] in ("has", "have")
        rest = [one for one in rest if one not in ("has", "have")]
        if not rest:
            return None
        prefix = "has" if had and not is_participle(rest[0]) else "can" if words[verb] == "can" else "is"
        rest = [one for one in rest if one != "can"]
        name = tuple(rest[:1]) if is_participle(rest[0]) else (prefix, *rest[:3])
        if is_participle(rest[0]) and kind_of(name).type != "boolean":
            name = ("is", *name)
    if not name:
        return None
    return Attribute(Noun(name), name, "boolean", default="false", required=True)


def _count(words: list[str]) -> Attribute:
    rest = words[2:]
    what = []
    for one in rest:
        if one in BE | HAVE | MODAL or one in ("each", "every", "the", "a", "there", "it", "they", "of", "were"):
            break
        what.append(one)
    if "per" in what:
        name = tuple(what)
        return Attribute(Noun(name), name, "numeric")
    if words[1] == "much" or not what:
        name = ("amount",) if words[1] == "much" else ("quantity",)
        return Attribute(Noun(name), name, "numeric" if name == ("amount",) else "integer")
    if len(what) == 1 and is_unit(what[0]):
        return Attribute(Noun((what[0],)), (what[0],), "numeric")
    name = (*what[:-1], singular(what[-1]), "count")
    return Attribute(Noun(name), name, "integer")


def condition(made: Attribute, tokens: Tokens) -> None:
    """Take over what is said behind a value, or of it in a sentence of its own."""
    if not tokens:
        return
    for one in tokens:
        if isinstance(one, Values):
            _enumerate(made, one.values)
    plain: Tokens = []
    for one in tokens:
        if isinstance(one, Group):
            for part in _parts(one.inner):
                condition(made, part)
        elif not isinstance(one, Values):
            plain.append(one)
    if not plain:
        return
    text = re.sub(
        r"\bwhen (?:it|they) (?:is|are|was|were) (created|new|opened|made|placed|added)\b",
        "when created",
        text_of(plain).strip(" ,"),
    )
    low = text.lower()
    said, values, type_before = made.required, made.values, made.type
    if (found := _IN_UNIT.match(text)) and found["unit"].lower() not in _NO_UNIT and made.type == "text":
        made.type = "numeric"
    text = re.sub(r"\b(?:in|of) (?:the|its|a|an|each|every|that|this) same\b", "in the", text)
    _settled_default(made, low)
    if re.match(r"(?:for|of|on|at|by|from|in|to) (?:the|a|an|its|each|every|their)\b", low) and "unique" not in low:
        return
    apply_details(made, text)
    if made.values != values:
        made.values = values if not re.search(r"[/\"']", text) else made.values
    if (
        re.match(
            r"(?:initially |usually |normally |by default )?(?:not|no)$|.*\b(?:initially|by default|at first) not$", low
        )
        and made.type == "boolean"
    ):
        made.default = "false"
    elif _MUST.search(low):
        made.required = True
    elif _MAY_MISS.search(low) and not re.search(
        r"\bif nothing\b|\bunless\b|\bdefault\b|not (?:missing|unknown|empty)\b", low
    ):
        made.required = False
        if made.type == "boolean" and not re.search(r"default", low):
            made.default = None
    elif made.required is False and said is not False and not _MAY_MISS.search(low):
        made.required = said
    if made.type == "text" and type_before != "text":
        made.type = type_before
    if made.type == "text" and not made.values and made.default and re.fullmatch(r"'\d+'", made.default):
        made.type, made.default = "integer", made.default.strip("'")


def _settled_default(made: Attribute, low: str) -> None:
    """ "Which it is not in the beginning", "usually not"."""
    if (
        re.search(r"\b(?:it is|they are|is|are|usually|normally|initially|by default|default) (?:not|no)\b", low)
        and made.type == "boolean"
    ):
        made.default = "false"


def _parts(tokens: Tokens) -> list[Tokens]:
    found: list[Tokens] = [[]]
    for one in tokens:
        if one in (",", ";"):
            found.append([])
        else:
            found[-1].append(one)
    return [one for one in found if one]


def _enumerate(made: Attribute, values: tuple[str, ...]) -> None:
    low = tuple(one.lower() for one in values)
    if set(low) <= {"yes", "no", "true", "false"}:
        made.type, made.default = "boolean", made.default or "false"
        return
    made.values = values
    if all(re.fullmatch(r"-?\d+", one) for one in values):
        made.type = "integer"
    elif made.type != "text":
        made.type = "text"
    if made.name[-1] in ("status", "state", "type", "kind"):
        made.optional_by_nature = False
    made.optional_by_nature = False
