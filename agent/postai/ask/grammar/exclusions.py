"""What notes order to leave out or to keep: "Leave out guests without a tier", "Only count completed orders".

Each such sentence is read like a question ("which guests without a tier"); the conditions that this gives are turned
round where rows are to be left out. What cannot be read stays an order that no statement may pass over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from postai.ask.grammar.draft import Absence, Predicate, Ref, Unsure
from postai.ask.grammar.items import cut
from postai.ask.grammar.state import State
from postai.language.tokens import tokenize
from postai.language.word_set import word_set
from postai.language.words import stem

_LEAVE = re.compile(
    r"(?:please\s+)?(?:leave out|exclude|ignore|omit|skip|disregard|do not (?:include|count|consider|show)|"
    r"don't (?:include|count|consider|show))\s+(?P<what>.+)",
    re.IGNORECASE | re.DOTALL,
)
_KEEP = re.compile(r"(?:please\s+)?only (?:include|count|consider|use)\s+(?P<what>.+)", re.IGNORECASE | re.DOTALL)
_NO_COUNT = re.compile(
    r"(?P<what>\w+\s+.+?)\s+(?:do not|does not|don't|doesn't|must not|should not) (?:count|be counted)(?: .*)?",
    re.IGNORECASE | re.DOTALL,
)
_UNKNOWN = re.compile(
    r"\bwhose (?P<column>[\w ]+?) (?:is|are) (?:unknown|missing|null|empty|not known|not recorded|not set|not given)\b"
    r"|\b(?:without|with no|with unknown|with missing|that have no|who have no|lacking) (?:a |an |any |known )?"
    r"(?P<lacked>[\w ]+)$",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"\b(?:that|which|who) (?:have|has|were|was|are|is) (?P<not>not )?(?:yet )?(?:been )?(?P<verb>[a-z]+)(?: yet)?$",
    re.IGNORECASE,
)
_SUBJECT = re.compile(r"(?:the |all |any |those )?(?P<noun>[\w ]+?)\s*$", re.IGNORECASE)

_IGNORED = word_set("the a an of in on for to and or with all any only not do does that who which is are be")


@dataclass(frozen=True, slots=True)
class Kept:
    """Conditions that rows have to meet, as a sentence of the notes orders."""

    predicates: tuple[Predicate, ...] = ()
    absences: tuple[Absence, ...] = ()

    def tables(self) -> set[int]:
        return {one.ref.table for one in self.predicates} | {
            one.anchor for one in self.absences if one.anchor is not None
        }


def read_order(order: str, state: State, constructs: Iterable[Callable[[State], None]]) -> Kept | None:
    """The conditions of one sentence; None = it is not read here.

    Args:
        state: of the question that the sentence is read with.
    """
    kept = _KEEP.fullmatch(order)
    left_out = _LEAVE.fullmatch(order) or _NO_COUNT.fullmatch(order)
    said = kept or left_out
    if said is None:
        return None
    steps = tuple(constructs)
    phrases = (
        [said["what"]]
        if kept
        else re.split(r"\s+and(?: also)?\s+(?=\w+ (?:with|that|who|whose|which)\b)", said["what"])
    )
    parts = [_phrase(phrase.strip(), state, steps, bool(kept)) for phrase in phrases]
    if any(part is None for part in parts):
        return None
    found = [part for part in parts if part is not None]
    return Kept(
        tuple(one for part in found for one in part.predicates), tuple(one for part in found for one in part.absences)
    )


def _phrase(phrase: str, state: State, steps: tuple[Callable[[State], None], ...], keep: bool) -> Kept | None:
    unknown = _UNKNOWN.search(phrase)
    if unknown is not None:
        ref = _column(phrase[: unknown.start()], (unknown["column"] or unknown["lacked"]).strip(), state)
        if ref is not None:
            return Kept((Predicate(ref, "null", negated=not keep),))
    done = _DONE.search(phrase)
    if done is not None:
        ref = _date_of(phrase[: done.start()], stem(done["verb"].lower()), state)
        if ref is not None:
            return Kept((Predicate(ref, "null", negated=bool(done["not"]) != keep),))
    question = f"Which {phrase}?"
    tokens = tokenize(question)
    inner = State(
        replace(state.request, question=question), state.lexicon, cut(tokens, state.lexicon, state.request.today),
        notes=replace(state.notes, orders=()),
    )  # fmt: skip
    try:
        for apply in steps:
            apply(inner)
    except Unsure:
        return None
    draft = inner.draft
    plain = not (draft.measures or draft.groups or draft.havings or draft.projections or draft.orders or draft.limit)
    plain = plain and draft.rank is None and not draft.partition and not draft.plays
    if not plain or draft.subject is None or any(item.free for item in inner.items):
        return None
    if keep:
        return Kept(tuple(draft.predicates), tuple(draft.absences)) if draft.predicates or draft.absences else None
    if len(draft.predicates) + len(draft.absences) != 1:
        return None
    if draft.absences:
        return Kept(absences=(replace(draft.absences[0], present=not draft.absences[0].present),))
    turned = _turned(draft.predicates[0])
    return Kept((turned,)) if turned is not None else None


def _turned(predicate: Predicate) -> Predicate | None:
    """The opposite of a condition; None where it is not simple."""
    if predicate.group is not None or predicate.operator not in ("=", "in", "null"):
        return None
    return replace(predicate, negated=not predicate.negated)


def _column(noun: str, column: str, state: State) -> Ref | None:
    """The column of the things a noun names that may be missing: the tier of guests."""
    lexicon = state.lexicon
    tables = _tables(noun, state)
    key = " ".join(token.noun for token in tokenize(column))
    found = {
        (sense.table, sense.column or "")
        for sense in lexicon.senses(key)
        if sense.kind == "column" and sense.table in tables and sense.score > 0.7
    }
    return Ref(*next(iter(found))) if len(found) == 1 else None


def _tables(noun: str, state: State) -> set[int]:
    subject = _SUBJECT.fullmatch(noun)
    words = [token.noun for token in tokenize(subject["noun"])] if subject else []
    return {
        sense.table
        for at in range(len(words))
        for sense in state.lexicon.senses(" ".join(words[at:]))
        if sense.kind == "table" and sense.score > 0.7
    }


def _date_of(noun: str, verb: str, state: State) -> Ref | None:
    """The date that is set once it was done: delivered_at of parcels that were delivered."""
    found = [
        Ref(table, column.name)
        for table in _tables(noun, state)
        for column in state.info(table).columns
        if column.is_date and not column.column.not_null and stem(column.words[0]) == verb
    ]
    return found[0] if len(found) == 1 else None


def used_tables(state: State) -> set[int]:
    """The tables that the statement of a draft is about."""
    draft = state.draft
    refs = [key.ref for key in draft.groups] + [p.ref for p in draft.predicates]
    refs += [entry for entry in draft.projections if isinstance(entry, Ref)]
    leaves = [leaf for one in draft.measures for leaf in one.leaves()]
    refs += [leaf.ref for leaf in leaves]
    tables = {ref.table for ref in refs if ref is not None} | draft.mentioned | set(state.anchors)
    tables |= {key.table for key in draft.groups if key.table is not None}
    tables |= {leaf.table for leaf in leaves if leaf.table is not None}
    subject = state.subject_table()
    return tables | ({subject} if subject is not None else set())


def keep_as_told(state: State, constructs: Iterable[Callable[[State], None]]) -> None:
    """Add to a draft what notes order to leave out or to keep, where it is about the tables of the question.

    Raises:
        Unsure: an order about the things of this question is not read here.
    """
    steps = tuple(constructs)
    said = {item.stem for item in state.items if item.kind in ("name", "unknown")}
    tables = used_tables(state) if state.notes.orders else set()
    for order in state.notes.orders:
        kept = read_order(order, state, steps)
        if kept is not None and kept.tables() <= tables:
            state.draft.predicates += [one for one in kept.predicates if one not in state.draft.predicates]
            state.draft.absences += [one for one in kept.absences if one not in state.draft.absences]
            state.draft.assumptions.append(f"the notes say: {order}")
        elif _about(order, state, tables, said):
            raise Unsure(f'the notes say "{order}", which is not read here')


def _about(order: str, state: State, tables: set[int], said: set[str]) -> bool:
    """Whether an order is about the things of the question: it names two of its words, or rows it is about."""
    tokens = [token for token in tokenize(order) if token.kind == "word"]
    words = {token.stem for token in tokens if token.lower not in _IGNORED}
    named = {
        sense.table
        for token in tokens
        for sense in state.lexicon.senses(token.noun)
        if sense.kind == "table" and sense.score > 0.7
    }
    filters = _LEAVE.match(order) or _KEEP.match(order)
    return len(words & said) >= 2 or bool(filters and named & tables)
