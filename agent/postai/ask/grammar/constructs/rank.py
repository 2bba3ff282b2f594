"""rank customers by revenue · rank the drivers of each depot by wage: every row with its place"""

from __future__ import annotations

from postai.ask.grammar.constructs.ranking import ranked_key
from postai.ask.grammar.draft import Measure, OrderBy
from postai.ask.grammar.measures import read_measure
from postai.ask.grammar.state import State

_INTRODUCE = ("by", "in terms of", "highest", "most", "order by")


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if item.free and item.lower in ("rank", "ranking") and state.role(index) == "":
            _rank(state, index)
            break
    for item in state.items:
        if item.free and item.lower == "rank" and (state.draft.rank is not None or _ranked(state)):
            item.used = "rank"


def _ranked(state: State) -> bool:
    return any(measure.operator == "rank" for measure in state.draft.measures)


def _rank(state: State, index: int) -> None:
    end = state.sentence_end(index)
    noun = next(
        (i for i in range(index + 1, end) if state.role(i) in ("table", "column") and state.items[i].free), None
    )
    if noun is None or state.cue(state.skip_back(noun - 1)) == "each":
        return
    key, used, after = ranked_key(state, noun)
    for at in range(after, end):
        if state.cue(at) not in _INTRODUCE:
            continue
        parsed = read_measure(state, at + 1, bare=True, superlative=True)
        if parsed is None:
            continue
        measure = parsed.measure
        state.use(index, *used, at, *parsed.used, why="rank")
        if measure.kind == "plain" and measure.ref is not None and measure.ref.table == key.table:
            state.draft.subject = key
            state.draft.rank = OrderBy(ref=measure.ref, descending=True)
            if not state.draft.orders:
                state.draft.orders.append(OrderBy(ref=measure.ref, descending=True))
            return
        if measure.kind == "plain":
            measure = Measure("aggregate", ref=measure.ref, function="sum")
            state.draft.confidence = min(state.draft.confidence, 0.8)
        state.draft.groups.append(key)
        state.draft.measures += [measure, Measure("window", parts=(measure,), operator="rank", per=key)]
        state.draft.orders.append(OrderBy(measure=measure, descending=True))
        return
