"""matches attended by more than 300 people · the venues and how many seats they have: numbers that a column counts"""

from __future__ import annotations

from postai.ask.grammar.cues import COMPARISONS
from postai.ask.grammar.draft import Predicate, Ref
from postai.ask.grammar.measures import countable
from postai.ask.grammar.state import State
from postai.language.lexicon import Sense
from postai.language.word_set import word_set
from postai.language.words import stem

_PEOPLE = word_set("people persons spectators viewers visitors fans users times")
_RATES = word_set("rate price cost fee charge rent")
_THEY = word_set("they it he she each")
_HAVE = word_set("have has had got hold holds offer offers")


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if item.free and item.kind == "unknown" and item.lower.endswith("ed"):
            _by_people(state, index)
        elif item.free and item.lower == "nightly" and item.kind == "unknown" and _is_rate(state, index + 1):
            item.kind = "filler"  # rooms are let by the night
        elif item.free and item.lower == "how many":
            _of_theirs(state, index)


def _by_people(state: State, index: int) -> None:
    """ "attended by more than 300 people" of attendance, where only one number of the table is called so."""
    operator = COMPARISONS.get(state.cue(index + 2) or "")
    number = state.skip(index + 3)
    if state.word(index + 1) != "by" or operator is None or number >= len(state.items):
        return
    people = number + 1
    amount = state.items[number].number
    if amount is None or people >= len(state.items) or state.word(people) not in _PEOPLE:
        return
    done = stem(state.items[index].lower)
    tables = [state.table(at) for at in range(index) if state.role(at) == "table" and not state.items[at].verb]
    found = [
        Ref(table, column.name)
        for table in tables[-1:]
        for column in state.info(table).columns
        if countable(column) and any(stem(word).startswith(done) for word in column.words)
    ]
    if len(found) != 1:
        return
    state.draft.predicates.append(Predicate(found[0], operator, (amount,)))
    for position in range(index, people + 1):
        state.items[position].used = "counted"


def _is_rate(state: State, index: int) -> bool:
    """Whether a column word is a price."""
    columns = [state.lexicon.column(sense.table, sense.column or "") for sense in _columns(state, index)]
    return any(one.kind == "number" and _RATES & set(one.words) for one in columns)


def _columns(state: State, index: int) -> tuple[Sense, ...]:
    return state.items[index].of_kind("column") if index < len(state.items) else ()


def _of_theirs(state: State, index: int) -> None:
    """ "list the venues and how many seats they have": the number of each row, not the sum of all."""
    column, they = index + 1, index + 2
    if state.role(column) != "column" or they + 1 >= len(state.items) or state.word(0) not in ("list", "show", "give"):
        return
    if state.word(they) not in _THEY or state.word(they + 1) not in _HAVE or not state.items[column].free:
        return
    nouns = [at for at in range(index) if state.role(at) == "table" and not state.items[at].verb]
    if len(nouns) != 1 or any(state.cue(at) in ("each", "by") for at in range(index)):
        return
    ref = state.column(column, countable, near=state.table(nouns[0]))
    if ref.table != state.table(nouns[0]):
        return
    state.draft.projections.append(ref)
    state.draft.with_subject = True
    state.use(index, column, why="projection")
