"""running total · cumulative orders per day · month over month growth · change to the previous year · moving average"""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.draft import Key, Measure, Unsure
from postai.ask.grammar.measures import Parsed, read_measure
from postai.ask.grammar.operands import find_measure
from postai.ask.grammar.state import State

_CHANGES = frozenset({"growth", "change", "changes", "increase", "difference", "grow", "grew", "changed", "growing"})
_RATES = frozenset({"rate", "rates", "percentage", "percent", "%"})
_BEFORE = frozenset({"previous", "prior", "preceding", "last", "former"})
_UNITS = frozenset({"month", "year", "week", "quarter", "day"})
_COMPARED = frozenset({"compared", "versus", "vs"})


def apply(state: State) -> None:
    for index in range(len(state.items)):
        item = state.items[index]
        if not item.free:
            continue
        if item.cue == "running":
            _running(state, index)
        elif item.cue == "moving":
            _moving(state, index)
        elif _compares(state, index):
            _change(state, index)


def _compares(state: State, index: int) -> bool:
    item = state.items[index]
    if item.lower in _COMPARED:
        return _said_before(state, index) is not None
    return item.lower in _CHANGES and item.kind in ("unknown", "generic")


def _add_up(parsed: Parsed) -> Measure:
    return (
        replace(parsed.measure, kind="aggregate", function="sum") if parsed.measure.kind == "plain" else parsed.measure
    )


def _following(state: State, start: int) -> Parsed | None:
    """The measure that starts here; a plural noun is the number of its rows, a column is added up."""
    parsed = read_measure(state, start, bare=True)
    at = state.skip(start)
    if parsed is None and state.role(at) == "table" and state.items[at].plural:
        parsed = Parsed(Measure("count", state.table(at)), at + 1, (at,))
    while parsed is None and state.role(at) == "table" and state.role(at + 1) == "column":
        state.use(at, why="trend")
        at += 1
        parsed = read_measure(state, at, bare=True)
    return parsed


def _running(state: State, index: int) -> None:
    parsed = _following(state, index + 1)
    if parsed is None:
        return
    measure = _add_up(parsed)
    if measure.kind == "aggregate" and measure.function not in ("sum",):
        raise Unsure("a running total of that is not clear")
    state.use(*parsed.used, why="trend")
    state.become_measure(index, Measure("window", parts=(measure,), operator="running"), parsed.end)
    _over_time(state, index)


def _over_time(state: State, index: int) -> None:
    """ "over time": by day, where no other period is said"""
    grouped = any(state.items[i].bucket and state.items[i].free for i in range(len(state.items)))
    for at in range(index, len(state.items) - 1):
        if state.word(at) == "over" and state.word(at + 1) == "time":
            state.use(at, at + 1, why="trend")
            if not grouped:
                state.draft.groups.append(Key(bucket="day"))
                state.draft.assumptions.append("over time means by day")


def _moving(state: State, index: int) -> None:
    """3 month moving average of revenue"""
    parsed = _following(state, index + 1)
    said = _moves_over(state, index)
    if said is None:
        raise Unsure("over how many periods the average moves is not clear", 'Say "3 month moving average".')
    rows, bucket, used = said
    if parsed is None or not 1 < rows <= 366:
        return
    state.use(*used, *parsed.used, why="trend")
    _by(state, bucket)
    measure = Measure("window", parts=(_add_up(parsed),), operator="moving", rows=rows)
    state.become_measure(index, measure, parsed.end)


def _moves_over(state: State, index: int) -> tuple[int, str, tuple[int, ...]] | None:
    """ "3 month moving average", "moving average of ... over 3 months": how many of what, and the items that say so"""
    unit_at = index - 1
    if unit_at >= 1 and state.items[unit_at].text == "-":
        unit_at -= 1
    if unit_at >= 1 and state.items[unit_at].bucket and state.items[unit_at - 1].kind == "number":
        rows = int(state.items[unit_at - 1].number or 0)
        return rows, state.items[unit_at].bucket or "", tuple(range(unit_at - 1, index))
    for at in range(index + 1, len(state.items) - 2):
        number, unit = state.items[at + 1], state.items[at + 2]
        counted = number.kind == "number" and number.free and unit.bucket and unit.free
        if state.word(at) == "over" and counted:
            return int(number.number or 0), unit.bucket or "", (at, at + 1, at + 2)
    return None


def _by(state: State, bucket: str) -> None:
    """Group by a period, unless the question says so itself."""
    if not _said_by(state, bucket) and Key(bucket=bucket) not in state.draft.groups:
        state.draft.groups.append(Key(bucket=bucket))


def _said_by(state: State, bucket: str) -> bool:
    """ "per month", "monthly" """
    return any(
        state.items[i].bucket == bucket
        and state.items[i].free
        and ((i and state.cue(state.skip_back(i - 1)) in ("each", "by")) or state.word(i).endswith("ly"))
        for i in range(len(state.items))
    )


def _change(state: State, index: int) -> None:
    """month over month growth in M · M per year and the change to the previous year"""
    period = _period(state, index)
    if period is None:
        return
    bucket, used = period
    percent = state.word(index) in ("growth", "grow", "grew", "growing")
    around: list[int] = []
    for at in (index - 1, index + 1):
        if 0 <= at < len(state.items) and state.items[at].free and state.word(at) in _RATES:
            around.append(at)
            percent = True
    state.use(*used, *around, why="trend")
    start = max([index, *around]) + 1
    parsed: Parsed | None = None
    if state.cue(start) == "in total":
        parsed = _following(state, start + 1)  # "change in total fees"
        if parsed is not None:
            state.use(start, why="trend")
    elif state.word(start) in ("in", "of", "for"):
        parsed = _following(state, start)
    state_before = parsed is None
    if parsed is None:
        found = find_measure(state, 0, index)
        parsed = found[1] if found is not None else None
    if parsed is None:
        raise Unsure("what is compared with the period before is not clear")
    measure = _add_up(parsed)
    state.use(*parsed.used, why="trend")
    _compared(state, index)
    _by(state, bucket)
    window = Measure("window", parts=(measure,), operator="growth" if percent else "change")
    state.become_measure(index, window, index + 1 if state_before else parsed.end)


def _said_before(state: State, index: int) -> tuple[str, tuple[int, ...]] | None:
    """ "... to the month before", "compared to the previous year": the period right behind, as one that came before"""
    at = state.skip(index + 1)
    while at < len(state.items) and state.word(at) in ("to", "with", "from"):
        at = state.skip(at + 1)
    if at >= len(state.items):
        return None
    item = state.items[at]
    words = item.lower.split()
    if item.free and item.period is not None and words[-1] in _UNITS and _BEFORE & set(words):
        # "this month compared to last month" are two numbers, no row for each month.
        alone = all(other is item or not other.free or other.period is None for other in state.items)
        return (words[-1], (at,)) if alone and _said_by(state, words[-1]) else None
    if at + 1 >= len(state.items):
        return None
    if item.bucket and item.free and state.word(at + 1) in ("before", "earlier"):
        return item.bucket, (at, at + 1)
    following = state.items[at + 1]
    if following.bucket and following.free and item.lower in _BEFORE:
        return following.bucket, (at, at + 1)
    return None


def _compared(state: State, index: int) -> None:
    """ "compared to the previous year": said by the window already"""
    for at in range(index, len(state.items)):
        if state.items[at].free and state.word(at) in (
            "compared",
            "versus",
            "vs",
            "relative",
            "over",
            "against",
            "each",
        ):
            following = state.skip(at + 1)
            if following >= len(state.items) or state.items[following].used == "trend":
                state.use(at, why="trend")


def _period(state: State, index: int) -> tuple[str, tuple[int, ...]] | None:
    """The periods that are compared, and the items that say so."""
    for at in range(len(state.items) - 2):
        first, middle, last = state.items[at : at + 3]
        same = first.bucket and first.bucket == last.bucket and first.free and last.free
        if same and (middle.lower in ("over", "to", "on", "by")):
            return first.bucket or "", (at, at + 1, at + 2)
    behind = _said_before(state, index)
    if behind is not None:
        return behind
    for at in range(index, len(state.items)):
        item = state.items[at]
        words = item.lower.split()
        if item.period is not None and words[-1] in _UNITS and _BEFORE & set(words):
            return words[-1], (at,)
        if item.bucket and item.free and state.word(at - 1) in _BEFORE:
            return item.bucket, (at - 1, at)
    yearly = {
        "annual": "year",
        "yearly": "year",
        "monthly": "month",
        "weekly": "week",
        "quarterly": "quarter",
        "daily": "day",
    }
    before = state.items[index - 1] if index else None
    if before is not None and before.lower in yearly:
        return yearly[before.lower], (index - 1,)
    grouped = [
        state.items[i].bucket
        for i in range(1, len(state.items))
        if state.items[i].bucket and state.cue(state.skip_back(i - 1)) in ("each", "by")
    ]
    if len(grouped) == 1 and state.word(index) in ("growth", "change", "changes"):
        return grouped[0] or "", ()
    return None
