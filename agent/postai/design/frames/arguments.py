"""What stands around the verb of a clause: its subject, its objects and what prepositions lead."""

from __future__ import annotations

import itertools
import re

from postai.design.frames.binding import Group
from postai.design.frames.clauses import Clause
from postai.design.frames.grammar import PREPOSITIONS, WH
from postai.design.frames.phrases import Item, items_of
from postai.design.frames.tokens import Tokens, text_of
from postai.design.kinds import is_unit
from postai.design.nouns import Noun, read_noun
from postai.design.verbs import is_participle
from postai.language.word_set import word_set


def words_of(clauses: list[Clause]) -> list[str]:
    """The words of a text, each as often as it was said."""
    return [
        one.lower()
        for clause in clauses
        for one in (*clause.lead, *(() if clause.shared else clause.subject), *clause.group, *clause.rest)
    ]


def subject_noun(tokens: Tokens) -> Noun | None:
    """The noun of a subject: its first words up to a comma, relative or preposition."""
    if not tokens:
        return None
    spot = next((i for i, one in enumerate(tokens) if i and one.lower() == "of"), None)
    if (
        spot is not None
        and tokens[0].lower() not in ("one", "both")
        and tokens[spot - 1].lower() not in ("one", "number", "both", "each", "most", "some", "all")
    ):
        tokens = tokens[:spot]
    end = next(
        (
            i
            for i, one in enumerate(tokens[:-1])
            if i > 1 and is_participle(one.lower()) and tokens[i + 1].lower() in PREPOSITIONS
        ),
        None,
    ) or next(
        (
            i
            for i, one in enumerate(tokens)
            if i and (one.lower() in WH | {","} or one.lower() in PREPOSITIONS - {"of"} or isinstance(one, Group))
        ),
        len(tokens),
    )
    return read_noun(text_of(tokens[:end]))


def notation(clause: Clause) -> list[tuple[Noun, Tokens]]:
    """The things of a notation with what stands in their brackets: "tags(name), tasks(title)"; () = it is none."""
    if clause.verb is not None:
        return []
    tokens = list(clause.rest)
    found: list[tuple[Noun, Tokens]] = []
    now: Tokens = []
    groups = 0
    for one in [*tokens, ","]:
        if isinstance(one, Group) or hasattr(one, "inner"):
            noun = read_noun(text_of(now))
            if noun is None or len(noun.words) > 3:
                return []
            found.append((noun, list(getattr(one, "inner", []))))
            groups += 1
            now = []
        elif one in (",", ";", "and"):
            if now:
                noun = read_noun(text_of(now))
                if noun is None or len(noun.words) > 3:
                    return []
                found.append((noun, []))
            now = []
        else:
            now.append(one)
    return found if groups else []


def clause_items(clause: Clause) -> list[Item]:
    """All noun phrases behind the verb, those behind prepositions among them."""
    found: list[Item] = []
    for part in prepositional(list(clause.rest)):
        for item in items_of(part[1]):
            item.lead = part[0]
            found.append(item)
    return found


_ARGUMENT = word_set(
    "by in at for from to on with of into under against between through during over along near as about within via "
    "per since until during"
)


def prepositional(tokens: Tokens) -> list[tuple[str, Tokens]]:
    """What follows a verb, parted at its prepositions; the object comes first, with "" for its preposition."""
    found: list[tuple[str, Tokens]] = [("", [])]
    for at, one in enumerate(tokens):
        low = one.lower()
        now = found[-1][1]
        before = tokens[at - 1].lower() if at else ""
        follows = tokens[at + 1].lower() if at + 1 < len(tokens) else ""
        cuts = low in _ARGUMENT and not (follows and follows[0].isdigit())
        if cuts and low == "of" and now and follows not in ("one", "exactly", "several", "many", "another"):
            cuts = False
        if cuts and (
            before in ("number", "at", "up") or follows in ("least", "most", "default", "first", "which", "zero")
        ):
            cuts = False
        if (cuts and low == "with" and before in ("each", "both", "one")) or any(
            x.lower() == "each" and y.lower() == "with" for x, y in itertools.pairwise(now)
        ):
            cuts = False
        if cuts and low in ("between",) and follows and (follows[0].isdigit() or follows == "zero"):
            cuts = False
        if cuts and low == "in" and now and is_unit(follows):
            cuts = False
        if cuts and any(x.lower() in WH for x in now) and "," not in now:
            cuts = False
        if cuts:
            found.append((low, []))
        else:
            now.append(one)
    return [(lead, _trim(part)) for lead, part in found if _trim(part)]


def _trim(tokens: Tokens) -> Tokens:
    at, end = 0, len(tokens)
    while at < end and tokens[at].lower() in (",", "and", "but"):
        at += 1
    while end > at and tokens[end - 1].lower() in (",", "and", "but"):
        end -= 1
    return tokens[at:end]


_ALSO = re.compile(
    r"\b(?:who|which|that|both|they|all)(?: of (?:whom|which|them))? (?:is|are) (?:also |both )?(?P<x>(?:an? |"
    r"another |other )?[a-z]+(?: [a-z]+)?)(?: too| as well)?$",
    re.I,
)


def alias_of(item: Item) -> Noun | None:
    """What the things of a phrase are besides: "supervisors, who are professors"."""
    for mod in item.mods:
        found = _ALSO.search(text_of(mod))
        if found:
            noun = read_noun(found["x"])
            if noun and (noun.plural or noun.determiner):
                return noun
    return None
