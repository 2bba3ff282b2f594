"""customers who have never ordered · products without reviews · patients with no visits in 2024"""

from __future__ import annotations

from postai.ask.grammar.conditions import conditions_in
from postai.ask.grammar.dating import period_predicate
from postai.ask.grammar.draft import Absence, Predicate, Unsure
from postai.ask.grammar.playing import said_to_play
from postai.ask.grammar.state import State
from postai.language.vocabulary import CREATION_VERBS

_AGAIN = frozenset({"no", "without", "with no", "have no"})
_LACKING = frozenset({"without", "with", "lacking"})
_STOPS = frozenset({"who", "that", "which", "but", "whose"})


def apply(state: State) -> None:
    said_to_play(state)
    for index in list(state.find_cues("not", "except")):
        if not state.items[index].free or _contrast(state, index) or _but_not_then(state, index):
            continue
        if not _several(state, index):
            _absent(state, index)


def _contrast(state: State, index: int) -> bool:
    """ "per department (departments, not their sections)": the noun behind is only what is not meant."""
    at = state.skip(index + 1)
    if index < 2 or state.items[index - 1].text != "," or state.items[index].lower != "not":
        return False
    if state.role(index - 2) != "table" or state.role(at) != "table" or state.items[at].verb:
        return False
    behind = at + 1
    if behind < len(state.items) and state.items[behind].text not in ").,?":
        return False
    state.use(index, at, why="contrast")
    return True


def _several(state: State, index: int) -> bool:
    """ "without an email or a broker", "neither an email nor a manager": none of them is there."""
    things: list[int] = []
    used = [index]
    at = index + 1
    while at < len(state.items):
        item = state.items[at]
        passed = item.kind == "filler" or item.text == "," or item.cue in ("or", "and") or item.lower == "any"
        again = bool(things) and item.free and item.cue == "not" and item.lower in _AGAIN
        if passed or again or item.lower in ("nor", "have", "has"):
            used.append(at)
        elif item.free and not item.verb and state.role(at) in ("column", "table") and _ends_thing(state, at):
            things.append(at)
            used.append(at)
        else:
            break
        at += 1
    subject = _subject_before(state, index)
    if len(things) < 2 or subject is None or not all(_may_lack(state, thing, subject) for thing in things):
        return False
    for thing in things:
        if state.role(thing) == "column":
            state.draft.predicates.append(Predicate(state.column(thing, near=subject), "null"))
        else:
            state.draft.absences.append(Absence(state.table(thing), anchor=subject))
    state.use(*(position for position in used if position <= things[-1]), why="absence")
    return True


def _ends_thing(state: State, at: int) -> bool:
    """Nothing behind the word narrows it: "without orders in 2024 or reviews" is read elsewhere."""
    behind = at + 1
    if behind >= len(state.items) or state.is_end(behind):
        return True
    return state.items[behind].text == "," or state.items[behind].cue in ("or", "and", "not")


def _may_lack(state: State, at: int, subject: int) -> bool:
    if state.role(at) == "table":
        return state.table(at) != subject and state.lexicon.graph.distance(subject, state.table(at)) is not None
    try:
        ref = state.column(at, near=subject)
    except Unsure:
        return False
    return ref.table == subject and not state.column_info(ref).column.not_null


def _but_not_then(state: State, index: int) -> bool:
    """ordered in 2025 but not in 2026: rows of the first period, and none of the second"""
    at = state.skip(index + 1)
    if at >= len(state.items) or not state.items[at].free:
        return False
    period, subject = state.items[at].period, _subject_before(state, index)
    but = "but" in state.items[index].lower or (index and state.items[index - 1].lower == "but")
    if period is None or not but or subject is None:
        return False
    done = [i for i in range(index) if state.role(i) == "table" and state.table(i) != subject and state.items[i].free]
    if not done or not any(item.period is not None for item in state.items[done[-1] : index]):
        return False
    table = state.table(done[-1])
    if state.lexicon.graph.up_distance(table, subject) is None:
        return False
    state.draft.absences.append(Absence(table, (period_predicate(state, table, period),), anchor=subject))
    state.use(index, at, why="absence")
    if state.items[index - 1].lower == "but":
        state.use(index - 1, why="absence")
    return True


def _absent(state: State, index: int) -> None:
    end = _region_end(state, index)
    subject = _subject_before(state, index)
    for at in range(index + 1, end):
        item = state.items[at]
        value = state.role(at) == "value" or item.kind == "quoted"
        if value and not (at + 1 < end and state.role(at + 1) == "table"):
            return
        if value and subject is not None and _of_what_it_belongs_to(state, at, subject):
            return
        if state.role(at) == "column" and not any(state.role(i) == "table" for i in range(at + 1, end)):
            return
        if state.role(at) != "table" or not item.free:
            continue
        if state.says_role(at):
            state.use(at, why="role")
            continue
        table = state.table(at)
        if table == subject or subject is None:
            return
        if state.lexicon.graph.distance(subject, table) is None:
            return
        state.use(index, at, why="absence")
        table, through = _further(state, at, end, table, subject)
        predicates = conditions_in(state, index + 1, end, table)
        of_subject = [predicate for predicate in predicates if predicate.ref.table == subject]
        state.draft.predicates.extend(of_subject)
        predicates = [predicate for predicate in predicates if predicate not in of_subject]
        for position in range(index + 1, end):
            period = state.items[position].period
            if period is not None and state.items[position].free:
                predicates.append(period_predicate(state, table, period))
                state.use(position, why="absence")
        state.use_range(index + 1, end, "absence")
        state.draft.absences.append(Absence(table, tuple(predicates), anchor=subject, through=through))
        return


def _of_what_it_belongs_to(state: State, at: int, subject: int) -> bool:
    """ "not in the Sales department": each row has one department at most, and it is another."""
    table = state.table(at + 1)
    held = any(sense.table == table for sense in state.items[at].of_kind("value")) or state.items[at].kind == "quoted"
    return held and bool(state.lexicon.graph.up_paths(subject, table))


def _further(state: State, at: int, end: int, table: int, subject: int) -> tuple[int, tuple[int, ...]]:
    """ "never borrowed a book": the loans are missing; "never ordered a product": no product by way of orders."""
    through: list[int] = []
    for position in range(at + 1, end):
        if state.cue(position) in ("and", "or") and state.role(position + 1) != "value":
            break
        if not state.items[position].free or state.role(position) != "table":
            continue
        other = state.table(position)
        if other == subject:
            continue
        state.use(position, why="absence")
        if other != table and not state.lexicon.graph.up_paths(table, other):
            through.append(table)
            table = other
    return table, tuple(through)


def _region_end(state: State, index: int) -> int:
    at = index + 1
    while at < len(state.items) and not state.is_end(at):
        item = state.items[at]
        if item.lower in _STOPS or item.text == "," or item.cue in ("each", "by", "top", "order by", "in terms of"):
            break
        if item.cue == "and" and at + 1 < len(state.items) and (
            state.items[at + 1].lower in ("who", "have", "has", "are", "were", "had")
            or state.items[at + 1].lower in CREATION_VERBS
        ):  # fmt: skip
            break
        if item.lower in CREATION_VERBS and at > index + 1 and state.role(at) == "":
            break
        at += 1
    return at


def _subject_before(state: State, index: int) -> int | None:
    """Whose absence it is: the noun right before "who", "that" or "without", else the first one."""
    before = state.skip_back(index - 1)
    if before >= 0 and state.items[before].lower in ("who", "that", "which"):
        before = state.skip_back(before - 1)
    direct = index - 1 >= 0 and (before < index - 1 or state.items[index].lower.split()[0] in _LACKING)
    if direct and before >= 0 and state.role(before) == "table" and not state.items[before].verb:
        return state.table(before)
    for at in range(index):
        if state.role(at) == "table" and not state.items[at].verb:
            return state.table(at)
    return state.subject_table()
