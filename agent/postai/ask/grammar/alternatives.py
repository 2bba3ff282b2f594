""" "joined before 2020 or live in Japan", "in 2020 or 2021": alternatives of which one is a period."""

from __future__ import annotations

import re
from dataclasses import replace

from postai.ask.grammar.draft import Predicate
from postai.ask.grammar.state import State
from postai.language.dates import find_period
from postai.language.tokens import tokenize

_FIRST_GROUP = 9000


def join_periods(state: State) -> None:
    """Join by OR what an "or" that still stands alone joins, when one side is a period or two columns compared."""
    for index in list(state.find_cues("or")):
        if state.items[index].lower != "or":
            continue
        left = _nearest(state, [(p, at) for p, at in state.placed if at < index], -1)
        right = _nearest(state, [(p, at) for p, at in state.placed if at > index], 0)
        if left is None or right is None or left.ref.table != right.ref.table:
            continue
        if not any(one.period is not None or one.other is not None for one in (left, right)):
            continue
        if left.group is not None or right.group is not None or _between(state, index):
            continue
        group = _FIRST_GROUP + index
        state.draft.predicates = [replace(p, group=group) if p in (left, right) else p for p in state.draft.predicates]
        state.use(index, why="alternative")


def more_years(state: State, index: int, first: Predicate) -> None:
    """ "in 2020 or 2021", "in 2019, 2020 and 2021": the numbers behind a year are years too."""
    period = first.period
    if period is None or period.year is None or period.month is not None:
        return
    group, at = _FIRST_GROUP + index, index + 1
    years: list[Predicate] = []
    while True:
        number = at
        while number < len(state.items) and (
            state.items[number].text == "," or state.items[number].cue in ("or", "and")
        ):
            number += 1
        if number == at or number >= len(state.items):
            break
        item = state.items[number]
        if item.kind != "number" or not item.free or not re.fullmatch(r"(?:19|20)\d\d", item.text):
            break
        found = find_period(tokenize(f"in {item.text}"), 0, state.request.today)
        if found is None:
            break
        state.use(*range(at, number + 1), why="period")
        years.append(replace(first, period=found.period, group=group))
        at = number + 1
    if years:
        place = state.draft.predicates.index(first)
        state.draft.predicates[place : place + 1] = [replace(first, group=group), *years]


def _nearest(state: State, placed: list[tuple[Predicate, int]], end: int) -> Predicate | None:
    """The nearest condition that is really in the draft as it was read."""
    ordered = sorted(placed, key=lambda pair: pair[1])
    known = [predicate for predicate, _ in ordered if predicate in state.draft.predicates]
    return known[end] if known else None


def _between(state: State, index: int) -> bool:
    """Whether an "and" of the same sentence leaves open what belongs together."""
    low = max((i for i in range(index) if state.is_end(i)), default=-1)
    conditions = [at for predicate, at in state.placed if at > low and predicate in state.draft.predicates]
    return len([at for at in conditions if at < index]) > 1 or len([at for at in conditions if at > index]) > 1
