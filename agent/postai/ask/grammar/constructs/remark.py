"""tickets that are open · customers who never logged in · products that can be bought: said in a column's comment"""

from __future__ import annotations

from postai.ask.grammar.draft import Predicate, Ref, Unsure
from postai.ask.grammar.state import State
from postai.language.remarks import Remark, passes, same_stem
from postai.language.vocabulary import VERB_TABLES
from postai.language.words import singular, stem

_BE = frozenset({"is", "are", "was", "were", "be", "being", "still", "currently", "that", "who", "which", "ever"})
_NO_LONGER = frozenset({"longer"})


def apply(state: State) -> None:
    found: list[tuple[int, int, Remark]] = []
    said = {sense.table for item in state.items if item.plural for sense in item.of_kind("value")}
    for remark in (*state.lexicon.remarks, *state.notes.remarks):
        if remark.table not in (*state.anchors, *said) and remark.table != state.subject_table():
            continue
        for index in range(len(state.items)):
            end = _match(state, index, remark)
            if end is not None:
                found.append((index, end, remark))
    found = [one for one in found if not any(_inside(one, other) for other in found)]
    for low, high, _ in found:
        rivals = {(r.table, r.column) for begin, end, r in found if begin < high and low < end}
        if len(rivals) > 1 and _is_flag(state, low, high):
            continue
        if len(rivals) > 1:
            raise Unsure(f'"{_text(state, low, high)}" could be said of several columns')
    taken: set[int] = set()
    for low, high, remark in found:
        several = {(r.table, r.column) for begin, end, r in found if begin < high and low < end}
        if len(several) > 1:
            continue  # a flag is called so
        if low not in taken:
            _add(state, low, high, remark)
            taken.update(range(low, high))


def _is_flag(state: State, low: int, high: int) -> bool:
    """Whether the one word is what a flag of the rows is called: comments on other columns only speak of it."""
    flags = {
        (s.table, s.column) for s in state.items[low].of_kind("value") if s.how == "flag" and s.table in state.anchors
    }
    return high == low + 1 and len(flags) == 1


def _inside(one: tuple[int, int, Remark], other: tuple[int, int, Remark]) -> bool:
    return other[0] <= one[0] and one[1] <= other[1] and one[1] - one[0] < other[1] - other[0]


def _text(state: State, low: int, high: int) -> str:
    return " ".join(item.text for item in state.items[low:high])


def _match(state: State, index: int, remark: Remark) -> int | None:
    """Where the remark's words end when they begin at this item."""
    at = index
    for position, (wanted, written) in enumerate(zip(remark.stems, remark.words, strict=True)):
        while position and at < len(state.items) and _between(state, at):
            at += 1
        if at >= len(state.items):
            return None
        item = state.items[at]
        if not item.free or item.kind in ("number", "quoted", "period"):
            return None
        words = item.lower.split()
        if len(words) != 1:
            return None
        exact = written == words[0]
        if not exact and (len(remark.stems) == 1 and not remark.negative) and singular(written) != words[0]:
            return None
        if not exact and not any(same_stem(wanted, stem(word)) for word in words):
            return None
        at += 1
    if len(remark.stems) == 1 and not remark.negative and not _said_of_rows(state, index, remark):
        return None
    return at


def _between(state: State, at: int) -> bool:
    """What may stand inside a remark: "can NO LONGER be bought"."""
    item = state.items[at]
    return passes(item.lower) or item.lower in _NO_LONGER or (item.free and item.cue == "not")


def _said_of_rows(state: State, index: int, remark: Remark) -> bool:
    """One word alone must be said of the rows: "are open", "open tickets"; "sold" needs a "still"."""
    before = state.items[index - 1].lower if index else ""
    if remark.stems[0] in VERB_TABLES:
        return before in ("still", "currently")
    after = index + 1
    if remark.words[0].endswith("s") and state.items[index].lower == singular(remark.words[0]):
        return state.is_end(after) or before in ("do", "who", "that", "does", "not")
    adjective = state.role(after) == "table" and state.table(after) == remark.table
    if after < len(state.items) and state.items[after].plural:  # "blocked restaurants": the noun is a value
        values = state.items[after].of_kind("value")
        adjective = adjective or (bool(values) and {sense.table for sense in values} == {remark.table})
    return adjective or before in _BE or before.startswith(("is ", "are "))


def _add(state: State, low: int, high: int, remark: Remark) -> None:
    before = low - 1
    while before >= 0 and (state.items[before].lower in _BE or state.items[before].lower in ("have", "has", "we")):
        before -= 1
    denied = before >= 0 and state.items[before].free and (
        state.cue(before) == "not" or state.items[before].lower in _NO_LONGER
    )  # fmt: skip
    inner = [at for at in range(low, high) if state.cue(at) == "not"]
    if inner and denied:
        raise Unsure(f'"{_text(state, before, high)}" denies twice')
    if inner:
        denied = True
    elif denied:
        state.use(before, why="remark")
        if state.items[before].lower in _NO_LONGER and before:
            state.items[before - 1].used = "remark"
    elif remark.negative and not remark.told:
        return  # "customers who logged in": when, how often and where they did is said by other words
    state.use(*range(low, high), why="remark")
    truth = denied == remark.negative
    ref = Ref(remark.table, remark.column)
    if remark.null:
        predicate = Predicate(ref, "null", negated=not truth)
    else:
        predicate = Predicate(ref, "=", (remark.yes,), negated=not truth)
    state.become_condition(low, predicate)
    name = f"{state.info(remark.table).table.name}.{remark.column}"
    state.draft.assumptions.append(f'"{_text(state, low, high)}" is read as {name} says in its comment')
