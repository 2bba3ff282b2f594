"""how many orders · the average price · total revenue and number of customers · how much did Ann spend"""

from __future__ import annotations

from postai.ask.grammar.counting import also_counted
from postai.ask.grammar.draft import Measure, Ref, Unsure
from postai.ask.grammar.measures import read_measure
from postai.ask.grammar.state import State
from postai.language.computed import formula

_CUES = ("count", "sum", "avg", "min", "max", "median", "highest", "lowest", "stddev", "variance", "measure")


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if not item.free:
            continue
        if item.superlative is not None and _extreme(state, index):
            continue
        if item.cue == "how much":
            _how_much(state, index)
        elif (item.cue in _CUES and state.role(index) in ("", "column", "table")) or (
            item.lower.startswith("total ") and state.role(index) == "column" and _grouped_somewhere(state)
        ):
            _measure(state, index)
        elif item.concept and state.role(index) not in ("column", "value"):
            _refuse_rows(state, index)
            parsed = read_measure(state, index)
            if parsed is not None:
                _add(state, parsed.measure, parsed.used)


def _extreme(state: State, index: int) -> bool:
    """ "the longest trip duration": the highest value of a column that holds lengths of time"""
    at = state.skip(index + 1)
    if state.items[index].lower not in ("longest", "shortest") or state.role(at) != "column":
        return False
    ref = state.column(at, lambda info: info.kind in ("number", "interval"))
    found = formula(ref.column)
    if found is None or found.operator != "span":
        return False
    function = "max" if state.items[index].lower == "longest" else "min"
    _add(state, Measure("aggregate", ref=ref, function=function), (index, at))
    return True


def _refuse_rows(state: State, index: int) -> None:
    """ "sales without a voucher" where `sales` is a table: its rows or their amount?"""
    if state.role(index) != "table" or state.items[index].verb:
        return
    adding = ("each", "by", "top", "sum", "most", "least", "highest", "lowest", "in terms of", "how much")
    if not any(item.cue in adding or item.bucket for item in state.items):
        table = state.info(state.table(index)).table.name
        raise Unsure(f"whether the rows of {table} or their amount is meant is not clear", 'Say "list" or "total".')


def _grouped_somewhere(state: State) -> bool:
    return bool(state.draft.groups) or any(item.cue in ("each", "by") for item in state.items)


def _measure(state: State, index: int) -> None:
    parsed = read_measure(state, index)
    if parsed is None:
        return
    if index and state.items[index].cue == "count" and parsed.measure.kind == "count":
        _count_of_listed(state, index)
    _add(state, parsed.measure, parsed.used)
    state.draft.measures += [one for one in also_counted(state, parsed) if one not in state.draft.measures]
    # "number of orders and customers", "total and average price": a second noun or aggregate is read on its own turn.


def _count_of_listed(state: State, index: int) -> None:
    """ "which users wrote reviews, and how many reviews have they written": the count is for each of the first."""
    if (
        state.draft.groups
        or state.items[index].lower != "how many"
        or state.items[0].lower not in ("which", "what", "who", "list")
    ):
        return
    first = next((i for i in range(index) if state.role(i) in ("table", "column")), None)
    if first is not None and state.items[first].free and state.role(first) == "table":
        state.draft.groups.append(state.key_at(first))
        state.use(first, why="group")


def _add(state: State, measure: Measure, used: tuple[int, ...]) -> None:
    state.use(*used, why="measure")
    if measure not in state.draft.measures:
        state.draft.measures.append(measure)


def _how_much(state: State, index: int) -> None:
    """how much revenue, how much did X spend: the concept may stand anywhere in the sentence."""
    end = state.sentence_end(index)
    for at in range(index + 1, end):
        item = state.items[at]
        if item.free and item.concept:
            parsed = read_measure(state, at)
            if parsed is not None:
                state.use(index, why="measure")
                _add(state, parsed.measure, parsed.used)
                return
    at = state.skip(index + 1)
    if state.role(at) == "column":
        parsed = read_measure(state, at, bare=True)
        if parsed is not None and parsed.measure.ref is not None:
            state.use(index, why="measure")
            _add(state, Measure("aggregate", ref=parsed.measure.ref, function="sum"), parsed.used)
            return
    amount = _amount_done(state, index, end)
    if amount is None:
        raise Unsure('"how much" of what is not clear')
    state.draft.assumptions.append(f"the amount is {amount.column} of {state.info(amount.table).title}")
    state.draft.confidence = min(state.draft.confidence, 0.85)
    _add(state, Measure("aggregate", ref=amount, function="sum"), (index,))


def _amount_done(state: State, index: int, end: int) -> Ref | None:
    """ "how much have donors given", "gifts by year: how many and how much": the one amount of those rows."""
    verbs = [state.table(at) for at in range(index, end) if state.role(at) == "table" and state.items[at].verb]
    counted = [one.table for one in state.draft.measures if one.kind == "count" and one.table is not None]
    named = state.anchors[:1] if len(state.anchors) == 1 else []
    tables = verbs or counted or named
    if len(set(tables)) != 1:
        return None
    info = state.info(tables[0])
    amounts = [one for one in info.columns if one.kind == "number" and not one.is_id and one.words[-1] == "amount"]
    return Ref(info.index, amounts[0].name) if len(amounts) == 1 else None
