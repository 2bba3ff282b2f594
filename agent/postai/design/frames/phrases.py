"""Noun phrases of a list: the words that name, and what is said behind them."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field, replace

from postai.design.attributes import counted
from postai.design.frames.binding import Group, Values
from postai.design.frames.grammar import BE, COMPARED, DETERMINERS, HAVE, MODAL, NUMERALS, PREPOSITIONS, WH, is_word
from postai.design.frames.tokens import Tokens, text_of
from postai.design.nouns import Noun, read_noun
from postai.design.verbs import is_participle
from postai.language.word_set import word_set


@dataclass
class Item:
    """One noun phrase with what follows it.

    Attributes:
        core: the tokens that name, with determiner.
        noun: of the core; None = the phrase begins with "whether", "when", "how many".
        mods: what is said behind, one token list each.
        each: what each of the things has: "rewards, each with a title".
        lead: the preposition before it, "" = none.
    """

    core: Tokens
    noun: Noun | None
    mods: list[Tokens] = field(default_factory=list)
    each: list[Item] = field(default_factory=list)
    lead: str = ""

    @property
    def said(self) -> str:
        """What stands behind, as text."""
        return "; ".join(text_of(one) for one in self.mods)

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join((text_of(self.core), self.said)).strip()


_AFTER = word_set(
    "unique optional required mandatory nullable compulsory positive negative empty unknown nonnegative none "
    "neither both"
)
_STARTS = (
    PREPOSITIONS - {"of"} | WH | COMPARED | BE | HAVE | MODAL
    | word_set("not never no it they he she we i at least most only there more nobody")
)  # fmt: skip
_BY_DEFAULT = re.compile(
    r"\b(?:by default|unless|at first|initially|to begin with|to start with|when (?:created|new|it is created)|"
    r"in the beginning|at the (?:beginning|start))\b"
)
_TYPE_PHRASE = re.compile(
    r"^(?:an?|the) (?:amount of money|whole number|integer|number|text|free text|string|decimal(?: number)?|date|"
    r"timestamp|"
    r"boolean|flag|yes/no|point in time|sum of money|link)\b"
)


def items_of(tokens: Tokens) -> list[Item]:
    """The noun phrases of a list, each with its modifiers."""
    found: list[Item] = []
    conjoined = False
    segments = _segments(_before_and_after(tokens))
    at = 0
    loose = False
    while at < len(segments):
        segment, sign = segments[at]
        at += 1
        if [one.lower() for one in segment] in (["later"], ["optionally"]):
            loose = True
            continue
        if found and (more := _each_with(segment)) is not None:
            joined: Tokens = []
            for number, (one, mark) in enumerate([(more, ""), *segments[at:]]):
                joined += ([mark or ","] if number else []) + one
            found[-1].each = items_of(joined)
            break
        if segment[0].lower() == "if" and sign == "and" and at < len(segments):
            segments[at] = ([*segments[at][0], *segment], segments[at][1])
            continue
        if found and _is_modifier(segment, sign, conjoined=conjoined):
            found[-1].mods.append(segment)
            continue
        conjoined = conjoined or sign == "and"
        found += _double(read_item(segment))
        if loose:
            found[-1].mods.append(["optional"])
    return _shared_heads(found)


def _double(item: Item) -> list[Item]:
    """ "Each roast one score": two phrases where a verb has two objects."""
    mod = item.mods[0] if item.mods else []
    if item.noun is None or len(mod) < 2 or mod[0].lower() not in ("one", "a", "an") or not is_word(mod[1]):
        return [item]
    if item.core[0].lower() not in ("each", "every", "the", "a", "an"):
        return [item]
    return [Item(item.core, item.noun), read_item([*mod, *(token for one in item.mods[1:] for token in one)])]


def _before_and_after(tokens: Tokens) -> Tokens:
    """ "The weight before and after roasting" as two things, weight before and weight after."""
    for at in range(1, len(tokens) - 2):
        if [one.lower() for one in tokens[at : at + 3]] == ["before", "and", "after"]:
            end = at + 3
            while end < len(tokens) and is_word(tokens[end]):
                end += 1
            word = tokens[at - 1]
            return [*tokens[: at - 1], f"{word}_before", "and", "the", f"{word}_after", *tokens[end:]]
    return tokens


def _segments(tokens: Tokens) -> list[tuple[Tokens, str]]:
    """The parts between commas and conjunctions, and what stood before each."""
    found: list[tuple[Tokens, str]] = []
    now: Tokens = []
    sign = ""
    for at, one in enumerate(tokens):
        low = one.lower()
        between = bool(now) and low == "and" and _is_range(now)
        if (low in (",", "and", "plus") or (False)) and not between:
            if now:
                found.append((now, sign))
                now, sign = [], ""
            sign = "and" if low in ("and", "plus") or sign == "and" else ","
        elif low in ("as", "well") and [x.lower() for x in tokens[at : at + 3]] == ["as", "well", "as"] and now:
            found.append((now, sign))
            now, sign = [], "and"
        elif not now and low in (
            "also",
            "then",
            "as",
            "well",
            "later",
            "optionally",
            "possibly",
            "perhaps",
            "maybe",
            "finally",
        ):
            if low in ("later", "optionally", "possibly", "perhaps", "maybe"):
                now = ["optional"] if low != "later" or tokens[at + 1 : at + 2] != [","] else []
                if low == "later" or (low == "optionally" and sign == "and"):
                    found.append((["later"], sign or ","))
                    now = []
        else:
            now.append(one)
    if now:
        found.append((now, sign))
    return found


def _is_range(now: Tokens) -> bool:
    low = [one.lower() for one in now]
    if "between" in low:
        return "and" not in low[low.index("between") :] and len(low) - low.index("between") <= 3
    return False


def _each_with(segment: Tokens) -> Tokens | None:
    low = [one.lower() for one in segment]
    if low[:2] in (["each", "with"], ["both", "with"]):
        return segment[2:]
    if low[:3] in (["each", "one", "with"], ["each", "of", "them"], ["each", "of", "which"]) and "with" in low[:4]:
        return segment[low.index("with") + 1 :]
    if low[:2] == ["each", "has"] or low[:3] == ["each", "having"]:
        return segment[2:]
    return None


def _is_modifier(segment: Tokens, sign: str, *, conjoined: bool) -> bool:
    if isinstance(segment[0], (Group, Values)):
        return True
    low = segment[0].lower()
    text = text_of(segment).lower()
    if low in ("whether", "when", "how", "where") and sign == "and":
        return False
    if low in ("whether",) or (low == "when" and sign == "," and len(segment) > 1 and segment[1].lower() == "it"):
        return low == "when" and not re.match(r"when (?:it|they) (?:was|were|is|are)", text)
    if low in ("optional", "unique", "required", "mandatory"):
        if segment[1:] and segment[1].lower() in DETERMINERS:
            return False
        return (
            len(segment) == 1
            or not (is_word(segment[1]) and segment[1].lower() not in ("together",))
            or bool(_BY_DEFAULT.search(text))
        )
    if low in ("at", "in", "on", "by", "from", "for") and sign == "and" and not segment[1:2]:
        return False
    if low == "at" and re.match(
        r"at (?:least|most) (?:one|two|three) (?!characters|letters|digits|chars|years|signs)[a-z]+", text
    ):
        return False
    if low == "each" and len(segment) == 1:
        return False
    if (
        low in _STARTS | _AFTER
        or low == "of"
        or segment[0][0].isdigit()
        or segment[0][0] in "-<>=≥≤"
        or low in ("zero", "today", "now")
    ):
        if low == "no" and is_word(segment[1]) if len(segment) > 1 else False:
            return True
        return low not in ("first", "last")
    if low in (
        "each",
        "all",
        "every",
        "default",
        "defaults",
        "defaulting",
        "initially",
        "usually",
        "normally",
        "mostly",
        "starting",
        "starts",
        "measured",
        "given",
        "stored",
        "always",
        "together",
        "filled",
        "never",
        "one",
        "either",
    ):
        return not (
            low in ("one", "each", "every", "all")
            and not re.search(
                r"\b(?:optional|required|unique|negative|positive|than|empty|zero|calling|being|is)\b", text
            )
        ) or (low == "one" and conjoined and bool(re.match(r"one (?:\w+ing|as|for|at|of)\b", text)))
    if _BY_DEFAULT.search(text) and len(segment) <= 8 and low not in DETERMINERS:
        return True
    if is_participle(low) and len(segment) > 2 and segment[1].lower() in PREPOSITIONS:
        return True
    return bool(_TYPE_PHRASE.match(text) and sign == "," and conjoined)


def read_item(tokens: Tokens) -> Item:
    """One noun phrase, its words and its modifiers parted."""
    low = [one.lower() for one in tokens]
    if (
        len(low) >= 4
        and low[0].isdigit()
        and low[1] in ("to", "or", "-", "and")
        and low[2].isdigit()
        and is_word(low[3])
    ):
        return Item(list(tokens[3:4]), read_noun(low[3]), [list(tokens[:3]), *_modifiers(tokens[4:])])
    if len(low) == 2 and low[1] in ("at", "on") and is_participle(low[0]):
        return Item(list(tokens), Noun((low[0], low[1])))
    if low[0] in ("whether", "when", "how", "if", "since", "where", "which", "who"):
        return Item(list(tokens), None)
    at = 0
    while at < len(tokens) and (
        low[at] in DETERMINERS | NUMERALS
        or (
            low[at]
            in (
                "at",
                "of",
                "optional",
                "unique",
                "required",
                "mandatory",
                "up",
                "to",
                "or",
                "zero",
                "per",
                "non",
                "later",
                "exactly",
                "just",
            )
            and _leading(low, at)
        )
    ):
        at += 1
    if at >= len(tokens) or low[at] in PREPOSITIONS | WH | BE | HAVE | MODAL:
        return Item(list(tokens), None)
    end = at + 1
    while end < len(tokens) and not _ends(tokens, low, end):
        end += 1
    noun = read_noun(_plain(text_of(tokens[:end])))
    if noun is not None and at == 0 and noun.head in _SAME_PLURAL:
        noun = replace(noun, plural=True)
    return Item(list(tokens[:end]), noun, _modifiers(tokens[end:]))


_SAME_PLURAL = word_set("series species aircraft spacecraft sheep fish offspring")


def _plain(text: str) -> str:
    """The words with "number of pages" as a count and "pH" as one word."""
    text = re.sub(r"\b[a-z]{1,2}[A-Z]+\b", lambda m: m[0].lower(), text)
    return re.sub(
        r"^(?:(?:an?|the|its|their)\s+)?(?P<o>optional\s+)?(?P<b>(?:maximum|minimum|max|min|total|maximal)\s+)?"
        r"(?:number|count) of (?P<c>[\w -]+)$",
        lambda m: (m["o"] or "") + counted(m["b"] or "", m["c"]),
        text,
        flags=re.I,
    )


def _leading(low: Tokens, at: int) -> bool:
    if low[at] == "at":
        return low[at + 1 : at + 2] in (["most"], ["least"])
    if low[at] == "of":
        return at > 0 and low[at - 1] in ("one", "any", "each", "both", "all", "some", "number", "several", "many")
    if low[at] in ("up", "to"):
        return "to" in low[at : at + 2]
    if low[at] == "or":
        return low[at + 1 : at + 2] in (["more"], ["several"], ["many"], ["two"])
    if low[at] == "per":
        return at == 0
    return True


def _ends(tokens: Tokens, low: Tokens, here: int) -> bool:
    """Whether a modifier begins at a token."""
    one = low[here]
    if isinstance(tokens[here], (Group, Values)) or one in (":", "<->"):
        return True
    if one == "of":
        follows = low[here + 1] if here + 1 < len(low) else ""
        return (
            not follows
            or follows[0].isdigit()
            or isinstance(tokens[here + 1], (Group, Values))
            or (follows in ("at", "up", "between", "more", "exactly", "one") and low[here - 1] not in ("one", "any"))
        )
    if one in ("that", "this", "these") and low[here - 1] == "of":
        return False
    if one in _STARTS or one in ("yes/no", "true/false", "y/n"):
        return True
    if one in ("one", "two", "three") or (
        one in _PLAIN_TYPES and not (here + 1 < len(low) and is_word(tokens[here + 1]))
    ):
        return True
    if tokens[here][0].isdigit() or tokens[here][0] in "<>=≥≤-":
        return True
    if one in ("a", "an", "the", "each", "every", "its", "their"):
        return low[here - 1] != "of"
    if one in _AFTER and not (
        here + 1 < len(low) and is_word(tokens[here + 1]) and one not in ("both", "none", "unique", "optional")
    ):
        return True
    if one in (
        "nobody",
        "initially",
        "usually",
        "normally",
        "default",
        "defaults",
        "defaulting",
        "starting",
        "measured",
        "together",
    ):
        return not (
            one == "default"
            and here + 1 < len(low)
            and is_word(tokens[here + 1])
            and low[here + 1] not in ("false", "true", "no", "yes", "off", "on", "now")
        )
    # "the metres used of each", "the price agreed": a participle behind the noun.
    return (
        is_participle(one)
        and (here + 1 >= len(low) or low[here + 1] in PREPOSITIONS | {","})
        and one not in ("speed", "feed")
    )


_PLAIN_TYPES = word_set("integer boolean bool int numeric varchar timestamp timestamptz decimal")


def _modifiers(tokens: Tokens) -> list[Tokens]:
    return [list(tokens)] if tokens else []


_HALF = word_set(
    "minimum maximum min max start end first last opening closing arrival departure home away lower upper shortest "
    "longest"
)


def _shared_heads(items: list[Item]) -> list[Item]:
    """ "A minimum and a maximum number of players": the first takes the noun of the second."""
    for one, other in itertools.pairwise(items):
        if (
            one.noun is None
            or other.noun is None
            or one.mods
            or not set(one.noun.words) <= _HALF
            or len(one.noun.words) > 1
        ):
            continue
        words = other.noun.words
        if len(words) > 1 and words[0] in _HALF:
            own = (
                {"minimum": "min", "maximum": "max"}.get(one.noun.words[0], one.noun.words[0])
                if words[0] in ("min", "max")
                else one.noun.words[0]
            )
            one.noun = Noun((own, *words[1:]), other.noun.plural, "", one.noun.flags, one.noun.determiner)
    return items
