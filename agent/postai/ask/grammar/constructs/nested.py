"""average number of orders per customer · average total per month · average monthly revenue · most by a driver"""

from __future__ import annotations

from postai.ask.grammar.draft import Key, Measure, Unsure
from postai.ask.grammar.measures import read_measure
from postai.ask.grammar.state import State

_FUNCTIONS = {"avg": "avg", "median": "median", "max": "max", "min": "min", "stddev": "stddev"}
_ONE = frozenset({"a", "an", "any", "single", "one", "each", "every", "per"})
_BUCKET_WORDS = frozenset({"daily", "weekly", "monthly", "quarterly", "yearly", "annual", "hourly"})


def apply(state: State) -> None:
    for index in range(len(state.items)):
        cue = state.cue(index)
        if cue in _FUNCTIONS:
            if state.word(index) == "on average" and _each_receives(state, index):
                continue
            _averaged(state, index, _FUNCTIONS[cue or ""])
        elif cue in ("most", "least") and "number of" in state.word(index):
            _extreme(state, index, "max" if cue == "most" else "min")


def _averaged(state: State, index: int, function: str) -> None:
    """average number of X per Y, average total M per Y, average daily M"""
    at = state.skip(index + 1)
    if at >= len(state.items):
        return
    if state.word(at) in _BUCKET_WORDS and state.items[at].bucket and state.items[at].free:
        _per_bucket(state, index, at, function)
        return
    if state.cue(at) not in ("count", "sum"):
        return
    parsed = read_measure(state, at)
    if parsed is None or parsed.measure.kind not in ("count", "aggregate", "money", "units"):
        return
    found = _key_behind(state, parsed.end)
    if found is None:
        return
    each, key, end = found
    _become(state, index, Measure("nested", parts=(parsed.measure,), per=key, function=function),
            (*parsed.used, *range(each, end)), end)  # fmt: skip


def _per_bucket(state: State, index: int, at: int, function: str) -> None:
    inner = state.skip(at + 1)
    parsed = read_measure(state, inner)
    if parsed is None and state.role(inner) == "table" and state.items[inner].plural:
        parsed = read_measure(state, inner, superlative=True)
    if parsed is None or parsed.measure.kind not in ("count", "aggregate", "money", "units"):
        return
    key = Key(bucket=state.items[at].bucket)
    _become(state, index, Measure("nested", parts=(parsed.measure,), per=key, function=function),
            (at, *parsed.used), parsed.end)  # fmt: skip


def _key_behind(state: State, start: int) -> tuple[int, Key, int] | None:
    """ "per driver", "made by each driver", "by month": (its first item, the key, the index behind)."""
    at = start
    while at < len(state.items) and (state.items[at].kind in ("filler", "generic") or _belongs(state, at)):
        if state.word(at) == "of":
            return None
        at += 1
    if state.cue(at) not in ("each", "by") or at > start + 3:
        return None
    noun = state.skip(at + 1)
    if noun >= len(state.items) or not state.items[noun].free:
        return None
    if state.items[noun].bucket and state.role(noun) != "table":
        return at, Key(bucket=state.items[noun].bucket), noun + 1
    if state.role(noun) == "table" and not state.items[noun].verb:
        following = noun + 1
        if (
            state.role(following) in ("column", "table")
            and state.items[following].free
            and not state.items[noun].plural
        ):
            return None
        return at, Key(table=state.table(noun)), noun + 1
    return None


def _belongs(state: State, at: int) -> bool:
    return state.word(at) in ("made", "placed", "done") and state.items[at].free


def _become(state: State, index: int, measure: Measure, used: tuple[int, ...], end: int) -> None:
    part = measure.parts[0]
    if measure.per is not None and part.kind == "count" and part.table == measure.per.table:
        return
    state.use(*used, why="nested")
    state.become_measure(index, measure, end)
    if part.kind == "count" and part.table is not None and measure.per is not None and measure.per.table is not None:
        what, each = state.info(part.table).table.name, state.info(measure.per.table).table.name
        state.draft.assumptions.append(f"only {each} that have {what} count")
        state.draft.confidence = min(state.draft.confidence, 0.8)
    elif measure.per is not None and measure.per.bucket:
        state.draft.assumptions.append(f"a {measure.per.bucket} in which there is nothing does not count")
        state.draft.confidence = min(state.draft.confidence, 0.85)


def _each_receives(state: State, index: int) -> bool:
    """on average, how many orders does each customer place"""
    end = state.sentence_end(index)
    start = index
    while start > 0 and not state.is_end(start - 1):
        start -= 1
    count = next((at for at in range(start, end) if state.cue(at) == "count"), None)
    if count is None:
        return False
    parsed = read_measure(state, count)
    if parsed is None or parsed.measure.kind != "count":
        return False
    for at in range(parsed.end, end):
        noun = at + 1
        one = state.cue(at) == "each" or state.word(at) in _ONE
        if one and state.role(noun) == "table" and not state.items[noun].plural:
            table = state.table(noun)
            if (
                table == parsed.measure.table
                or state.lexicon.graph.up_distance(parsed.measure.table or 0, table) is None
            ):
                return False
            state.use(index, why="nested")
            measure = Measure("nested", parts=(parsed.measure,), per=Key(table=table), function="avg")
            _become(state, count, measure, (*parsed.used, at, noun), parsed.end)
            return True
    return False


def _extreme(state: State, index: int, function: str) -> None:
    """the maximum number of orders placed by a single customer"""
    noun = state.skip(index + 1)
    if state.role(noun) != "table" or any(state.role(i) in ("table", "column") for i in range(index)):
        return
    table = state.table(noun)
    at = noun + 1
    while at < len(state.items) and state.items[at].kind in ("filler", "generic"):
        at += 1
    if state.cue(at) not in ("by", "each"):
        return
    target = at + 1
    one = state.cue(at) == "each"
    while target < len(state.items) and (state.word(target) in _ONE):
        one, target = True, target + 1
    if not one or state.role(target) != "table" or state.items[target].plural:
        return
    per = state.table(target)
    if per == table or state.lexicon.graph.up_distance(table, per) is None:
        raise Unsure("for what the number is counted is not clear")
    measure = Measure("nested", parts=(Measure("count", table),), per=Key(table=per), function=function)
    state.use(*range(index, target + 1), why="nested")
    state.become_measure(index, measure, target + 1)
