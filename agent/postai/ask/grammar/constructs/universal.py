"""departments where all employees are remote · customers whose orders were all delivered · who only made sell deals"""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.conditions import conditions_in
from postai.ask.grammar.draft import Absence, Predicate, Unsure
from postai.ask.grammar.links import link_between
from postai.ask.grammar.state import State
from postai.language.word_set import word_set

_EVERY = frozenset({"all", "every", "each"})
_BEFORE = frozenset({"where", "whose", "with", "which", "of", "that", "have", "has", "having"})
_BE = word_set("is are was were be been have has had")
_OPPOSITE = {">": "<=", "<=": ">", "<": ">=", ">=": "<", "=": "<>", "<>": "="}


def apply(state: State) -> None:
    for index in range(1, len(state.items)):
        item = state.items[index]
        if not item.free:
            continue
        if item.lower in _EVERY:
            _every(state, index)
        elif item.lower in ("only", "exclusively", "solely"):
            _only(state, index)


def _subject(state: State, index: int) -> int | None:
    """The noun whose rows are told apart: the last one before."""
    for at in range(index - 1, -1, -1):
        if state.role(at) == "table" and not state.items[at].verb:
            return state.table(at)
    return None


def _every(state: State, index: int) -> None:
    """where all employees are remote · whose orders were all delivered"""
    before = state.items[index - 1].lower
    if before in _BE:
        noun = next((i for i in range(index - 1, max(-1, index - 4), -1) if state.role(i) == "table"), None)
        if noun is None or state.items[max(0, noun - 1)].lower not in ("whose", "where", "of"):
            return
        _require(state, index, noun, index + 1, _subject(state, noun))
        return
    if state.role(index - 1) == "table" and index > 1 and state.items[index - 2].lower == "whose":
        _require(state, index, index - 1, index + 1, _subject(state, index - 1))  # "whose traders all come from"
        return
    _refuse_each_of(state, index)
    noun = index + 1
    while noun < len(state.items) and state.items[noun].lower in ("the", "of", "whose", "their", "its"):
        noun += 1
    whose = any(state.items[i].lower == "whose" for i in range(index + 1, noun))
    if state.role(noun) != "table" or not (whose or before in _BEFORE) or (before == "of" and not whose):
        return
    if noun + 1 >= len(state.items) or state.items[noun + 1].lower not in _BE:
        return
    _require(state, index, noun, noun + 1, _subject(state, index))


def _refuse_each_of(state: State, index: int) -> None:
    """ "employees who worked on all projects": there must be a row for every one of them."""
    noun = index + 1
    before = [at for at in range(index) if state.role(at) == "table" and not state.items[at].verb]
    if state.role(noun) != "table" or not before or state.table(before[-1]) == state.table(noun):
        return
    between = [state.items[at].lower for at in range(before[-1] + 1, index)]
    ends = noun + 1 >= len(state.items) or state.items[noun + 1].lower not in _BE
    if ends and {"who", "that", "which"} & set(between):
        raise Unsure("whether a row for every single one is meant is not read here", "Compare the two numbers of rows.")


def _only(state: State, index: int) -> None:
    """who only made sell deals · with only remote employees"""
    following = index + 1
    if following < len(state.items) and state.items[following].kind == "number":
        state.items[index].cue = "exactly"
        return
    start = index
    while start > 0 and (
        state.items[start - 1].lower in _BE
        or state.items[start - 1].kind in ("generic",)
        or state.items[start - 1].verb
    ):
        start -= 1
    if index <= 2 and all(item.kind == "filler" for item in state.items[:index]):
        state.use(index, why="filler")
        return
    if start == 0 or state.items[start - 1].lower not in ("who", "that", "which", "with", "whose", "having"):
        return
    end = _clause_end(state, index)
    noun = next((i for i in range(index + 1, end) if state.role(i) == "table"), None)
    if noun is None:
        noun = next((i for i in range(start, index) if state.role(i) == "table"), None)
    if noun is None:
        return
    _require(state, index, noun, index + 1, _subject(state, start))


def _clause_end(state: State, at: int) -> int:
    while at < len(state.items) and not state.is_end(at):
        item = state.items[at]
        if item.text == "," or item.lower in ("who", "whose") or item.cue in ("order by", "each", "by"):
            break
        at += 1
    return at


def _require(state: State, index: int, noun: int, low: int, subject: int | None) -> None:
    """Rows of the noun are there, and none of them is otherwise."""
    table = state.table(noun)
    if subject is None or subject == table or state.lexicon.graph.distance(table, subject) is None:
        return
    if not state.lexicon.graph.up_paths(table, subject) and link_between(state, table, subject) is None:
        raise Unsure("a condition on every one of several rows is not read here", "Ask for those that have none.")
    end = _clause_end(state, low)
    predicates = conditions_in(state, low, end, table)
    if len(predicates) != 1 or not state.lexicon.graph.up_paths(table, predicates[0].ref.table):
        raise Unsure("a condition on every one of several rows is not read here", "Ask for those that have none.")
    otherwise = _denied(predicates[0])
    state.use(index, noun, why="every")
    state.use_range(index, end, "every")
    if state.role(noun - 1) == "" and state.items[noun - 1].lower in ("whose", "where"):
        state.items[noun - 1].used = "every"
    state.draft.absences.append(Absence(table, (otherwise,), anchor=subject))
    state.draft.mentioned.add(table)
    state.draft.assumptions.append(f"those without any {state.info(table).table.name} are left out")


def _denied(predicate: Predicate) -> Predicate:
    if predicate.operator in ("=", "in", "null", "starts", "ends", "contains"):
        return replace(predicate, negated=not predicate.negated)
    if predicate.operator in _OPPOSITE and not predicate.negated:
        return replace(predicate, operator=_OPPOSITE[predicate.operator])
    raise Unsure("a condition on every one of several rows is not read here", "Ask for those that have none.")
