"""How many orders were there per week? How many of these were cancelled? · Out of these, how many had a coupon?"""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.draft import Unsure
from postai.ask.grammar.measures import read_measure
from postai.ask.grammar.operands import conditions, table_of
from postai.ask.grammar.state import State

_THESE = frozenset({"these", "those", "them"})


def apply(state: State) -> None:
    start = state.sentence_end(0) + 1
    while start < len(state.items):
        end = state.sentence_end(start)
        these = next((at for at in range(start, min(end, start + 6)) if state.word(at) in _THESE), None)
        count = next((at for at in range(start, end) if state.cue(at) == "count"), None)
        if these is not None and count is not None:
            _counted_again(state, start, count, these, end)
        start = end + 1


def _counted_again(state: State, start: int, count: int, these: int, end: int) -> None:
    """The rows counted before, under one more condition."""
    first = next((at for at in range(start) if state.cue(at) == "count"), None)
    parsed = read_measure(state, first) if first is not None else None
    if parsed is None or parsed.measure.kind != "count":
        raise Unsure(f'what "{state.items[these].text}" stands for is not clear')
    table = table_of(state, parsed.measure)
    for at in range(start, end):
        same = state.role(at) == "table" and state.items[at].free and state.table(at) == table
        if at <= max(these, count) or same:
            state.items[at].used = "subset"
    only = conditions(state, start, end, table)
    if not only:
        raise Unsure("which of them are counted is not clear")
    state.become_measure(count, replace(parsed.measure, only=tuple(only)), end)
