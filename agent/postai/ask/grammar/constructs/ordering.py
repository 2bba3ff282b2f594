"""ordered by price descending · sorted alphabetically · from highest to lowest · order the results by ..."""

from __future__ import annotations

from postai.ask.grammar.draft import OrderBy, Unsure
from postai.ask.grammar.measures import read_measure
from postai.ask.grammar.state import State


def apply(state: State) -> None:
    for index in list(state.find_cues("order by")):
        if state.items[index].free:
            _order_by(state, index)
    for index in list(state.find_cues("descending", "ascending")):
        _direction_alone(state, index)
    for index, item in enumerate(state.items):
        if item.free and item.superlative is not None:
            _adjective_first(state, index)


def _adjective_first(state: State, index: int) -> None:
    """oldest contract first · most expensive category first"""
    noun = index + 1
    if noun + 1 >= len(state.items) or state.items[noun + 1].lower != "first":
        return
    last = state.skip(noun + 2)
    if last < len(state.items) and not state.is_end(last):
        return
    direction, what = state.items[index].superlative or ("", "")
    descending = direction == "desc"
    if state.role(noun) == "column" or what in ("@event", "@age"):
        ref = state.column(noun, lambda info: info.is_date if what in ("@event", "@age") else info.kind == "number")
        state.draft.orders.append(OrderBy(ref=ref, descending=descending))
    elif state.role(noun) == "table":
        state.draft.orders.append(OrderBy(descending=descending, what=what))
    else:
        return
    state.use(index, noun, noun + 1, why="order")


def _order_by(state: State, index: int) -> None:
    at = state.skip(index + 1)
    descending: bool | None = None
    if state.cue(at) in ("descending", "highest", "most"):
        descending = True
        state.use(at, why="order")
        at = state.skip(at + 1)
    elif state.cue(at) in ("ascending", "lowest", "least"):
        descending = False
        state.use(at, why="order")
        at = state.skip(at + 1)
    order, end = _target(state, at)
    state.use(index, why="order")
    after = state.skip(end, "in", "first")
    for candidate in (after, after + 1):
        if state.cue(candidate) in ("descending", "ascending"):
            descending = state.cue(candidate) == "descending"
            state.use(candidate, why="order")
            break
    if end < len(state.items) and state.items[end].lower == "first":
        state.use(end, why="order")
    if descending is None:
        descending = order.measure is not None and order.measure.kind not in ("plain",)
        if descending:
            state.draft.assumptions.append("highest first")
    state.draft.orders.append(OrderBy(order.measure, order.ref, order.key, descending))


def _target(state: State, at: int) -> tuple[OrderBy, int]:
    if at >= len(state.items):
        raise Unsure("the question does not say what to order by")
    if state.role(at) == "column":
        ref = state.column(at)
        state.use(at, why="order")
        return OrderBy(ref=ref), at + 1
    parsed = read_measure(state, at, bare=True)
    if parsed is not None:
        state.use(*parsed.used, why="order")
        return OrderBy(measure=parsed.measure), parsed.end
    if state.items[at].bucket or state.role(at) == "table":
        following = at + 1
        if state.role(at) == "table" and state.role(following) == "column":
            ref = state.column(following)
            state.use(at, following, why="order")
            return OrderBy(ref=ref), following + 1
        state.use(at, why="order")
        return OrderBy(key=True), at + 1
    raise Unsure(f'"{state.items[at].text}" is nothing to order by')


def _direction_alone(state: State, index: int) -> None:
    """A direction without "by": of the measure, or of the names when it is alphabetical."""
    item = state.items[index]
    by_name = any(word in item.lower for word in ("alphabet", "chronolog", "calendar"))
    following = index + 1
    if "order of" in item.lower:
        order, _ = _target(state, state.skip(following))
        state.draft.orders.append(OrderBy(order.measure, order.ref, order.key, item.cue == "descending"))
    else:
        dated = item.lower.removesuffix(" first").split()[-1] in ("newest", "latest", "recent", "oldest", "earliest")
        what = "@event" if dated else ""
        state.draft.orders.append(OrderBy(key=by_name, descending=item.cue == "descending", what=what))
    state.use(index, why="order")
