"""rank customers by revenue · rank the drivers of each depot by wage · a doctor's rank within their specialty by ..."""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.constructs.ranking import ranked_key
from postai.ask.grammar.draft import Key, Measure, OrderBy, Unsure
from postai.ask.grammar.measures import read_measure
from postai.ask.grammar.state import State

_INTRODUCE = ("by", "in terms of", "highest", "most", "order by")
_WITHIN = frozenset({"within", "among", "in", "inside"})
_OWN = frozenset({"their", "its", "his", "her", "the", "own", "same", "each"})


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if not item.free or item.lower not in ("rank", "ranking", "ranks") or state.role(index) != "":
            continue
        start = state.skip_back(index - 1) < 0 or state.is_end(state.skip_back(index - 1))
        if start and _rank_all(state, index):
            break
        _rank_shown(state, index)
    ranked = state.draft.rank is not None or any(measure.operator == "rank" for measure in state.draft.measures)
    for item in state.items:
        if item.free and item.lower == "rank" and ranked:
            item.used = "rank"


def _rank_all(state: State, index: int) -> bool:
    """Rank KEY by MEASURE"""
    end = state.sentence_end(index)
    nouns = (i for i in range(index + 1, end) if state.role(i) in ("table", "column") and state.items[i].free)
    noun = next(nouns, None)
    if noun is None or state.cue(state.skip_back(noun - 1)) == "each":
        return False
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
            return True
        measure = _added_up(state, measure)
        state.draft.groups.append(key)
        state.draft.measures += [measure, Measure("window", parts=(measure,), operator="rank", per=key)]
        state.draft.orders.append(OrderBy(measure=measure, descending=True))
        return True
    return False


def _added_up(state: State, measure: Measure) -> Measure:
    if measure.kind != "plain":
        return measure
    state.draft.confidence = min(state.draft.confidence, 0.8)
    return replace(measure, kind="aggregate", function="sum")


def _rank_shown(state: State, index: int) -> None:
    """..., the customer's rank by revenue, rank within their country by number of orders"""
    end = state.sentence_end(index)
    for at in range(index + 1, min(end, index + 10)):
        if state.items[at].text == ",":
            return
        if state.cue(at) not in ("by", "in terms of"):
            continue
        parsed = read_measure(state, at + 1, superlative=True)
        if parsed is None or parsed.measure.kind == "plain":
            return
        within = _within(state, index + 1, at)
        place = index
        if index and state.role(index - 1) == "table" and state.items[index - 1].free:
            place = index - 1
            state.draft.mentioned.add(state.table(place))
            state.use(index, why="rank")
        state.use(*(i for i in range(index + 1, at + 1) if state.items[i].free), *parsed.used, why="rank")
        window = Measure("window", parts=(parsed.measure,), operator="rank", within=within)
        state.become_measure(place, window, parsed.end)
        return


def _within(state: State, low: int, high: int) -> Key | None:
    """ "within their specialty": rows are ranked among those of their own group."""
    for at in range(low, high):
        if state.word(at) not in _WITHIN:
            continue
        noun = at + 1
        while state.word(noun) in _OWN:
            noun += 1
        if state.role(noun) in ("table", "column"):
            return state.key_at(noun)
        raise Unsure("among which rows the rank is meant is not clear")
    return None
