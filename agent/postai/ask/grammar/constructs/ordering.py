"""ordered by price descending · sorted alphabetically · from highest to lowest · order the results by ..."""

from __future__ import annotations

from postai.ask.grammar.draft import OrderBy, Unsure
from postai.ask.grammar.measures import read_measure
from postai.ask.grammar.state import State

_BEST = frozenset({"best", "highest", "largest", "biggest", "greatest", "most", "top", "newest", "latest"})
_WORST = frozenset({"worst", "lowest", "smallest", "least", "fewest", "oldest", "earliest", "cheapest"})


def apply(state: State) -> None:
    for index in list(state.find_cues("order by")):
        if state.items[index].free:
            _order_by(state, index)
    for index, item in enumerate(state.items):
        if item.free and (item.lower in ("from", "starting", "beginning") or item.lower.startswith("starting ")):
            _from_best(state, index)
    for index in list(state.find_cues("descending", "ascending")):
        if not _by_before(state, index):
            _direction_alone(state, index)
    for index, item in enumerate(state.items):
        if item.free and item.superlative is not None:
            _adjective_first(state, index)


def _adjective_first(state: State, index: int) -> None:
    """oldest contract first · most expensive category first"""
    noun = index + 1
    direction, what = state.items[index].superlative or ("", "")
    if noun < len(state.items) and state.items[noun].lower == "first" and _over(state, noun + 1):
        state.draft.orders.append(OrderBy(descending=direction == "desc", what=what))
        state.use(index, noun, why="order")
        return
    if noun + 1 >= len(state.items) or state.items[noun + 1].lower != "first":
        return
    if not _over(state, noun + 2):
        return
    descending = direction == "desc"
    if state.items[noun].bucket and what in ("@event", "@age"):
        state.draft.orders.append(OrderBy(key=True, descending=descending))
        state.use(index, noun, noun + 1, why="order")
        return
    if state.role(noun) == "column" or what in ("@event", "@age"):
        ref = state.column(noun, lambda info: info.is_date if what in ("@event", "@age") else info.kind == "number")
        state.draft.orders.append(OrderBy(ref=ref, descending=descending))
    elif state.role(noun) == "table":
        state.draft.orders.append(OrderBy(descending=descending, what=what))
    else:
        return
    state.use(index, noun, noun + 1, why="order")


def _over(state: State, at: int) -> bool:
    """Whether a sentence or one of its parts ends here."""
    at = state.skip(at)
    return at >= len(state.items) or state.is_end(at) or state.items[at].text in (",", ")")


def _order_by(state: State, index: int) -> None:
    """ordered by price descending, then by name · sorted by city and name"""
    state.use(index, why="order")
    at, first = index + 1, True
    while True:
        order, end = _key(state, state.skip(at))
        if not first and order.measure is None and not order.key and order.ref is None:
            return
        state.draft.orders.append(order)
        following = _next_key(state, end)
        if following is None:
            return
        state.use_range(end, following, "order")
        for position in range(end, following):
            state.items[position].used = "order"
        at, first = following, False


def _next_key(state: State, end: int) -> int | None:
    """Where the next thing to order by starts: ", then by name", "and name"; None = there is none."""
    at = end
    said = False
    while at < len(state.items) and not state.is_end(at):
        item = state.items[at]
        if item.text == "," or item.cue in ("and", "by") or item.lower in ("then", "secondly", "finally"):
            said = said or item.cue == "and" or item.lower == "then"
        elif item.kind != "filler":
            break
        at += 1
    if at == end or at >= len(state.items) or not said or not state.items[at].free:
        return None
    behind = at + 1
    column = state.role(at) == "column" or state.cue(at) in ("count", "avg", "sum")
    return at if column and (behind >= len(state.items) or state.role(behind) != "value") else None


def _key(state: State, at: int) -> tuple[OrderBy, int]:
    """One thing to order by with its direction, and the index behind it."""
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
    direction, end = _direction_behind(state, end)
    if direction is not None:
        descending = direction
    if end < len(state.items) and state.items[end].lower == "first":
        state.use(end, why="order")
        end += 1
    if descending is None:
        descending = order.measure is not None and order.measure.kind not in ("plain",)
        if descending:
            state.draft.assumptions.append("highest first")
    return OrderBy(order.measure, order.ref, order.key, descending), end


def _direction_behind(state: State, end: int) -> tuple[bool | None, int]:
    """ "descending", "in ascending order", ", highest first", "(descending)" right behind what is ordered by."""
    at = end
    while at < len(state.items) and (
        state.items[at].kind == "filler" or state.items[at].text in (",", "(") or state.items[at].lower == "in"
    ):
        if state.items[at].lower == "then":
            return None, end
        at += 1
    if state.cue(at) not in ("descending", "ascending") or "order of" in state.items[at].lower:
        return None, end
    if any(state.items[i].text == "," for i in range(end, at)) and state.items[at].lower.split()[0] == "in":
        return None, end
    descending = state.cue(at) == "descending"
    for position in range(end, at + 1):
        state.items[position].used = "order"
    if at + 1 < len(state.items) and state.items[at + 1].text == ")":
        state.items[at + 1].used = "order"
    return descending, at + 1


def _target(state: State, at: int) -> tuple[OrderBy, int]:
    if at >= len(state.items):
        raise Unsure("the question does not say what to order by")
    if state.role(at) == "column":
        ref = state.column(at)
        state.use(at, why="order")
        return OrderBy(ref=ref), at + 1
    if state.role(at) == "table" and not state.items[at].verb and state.items[at].possessive:
        following = at + 1
        if state.role(following) == "column":
            ref = state.column(following, near=state.table(at))
            state.use(at, following, why="order")
            return OrderBy(ref=ref), following + 1
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


def _from_best(state: State, index: int) -> None:
    """starting from the best ratings to the lowest · from the highest price down to the lowest"""
    at = index + 1
    while at < len(state.items) and state.items[at].lower in ("from", "with", "the"):
        at += 1
    if " " in state.items[index].lower:
        at = index  # "starting from the best"
    if at >= len(state.items):
        return
    column, word = state.skip(at + 1), state.items[at].lower.split()[-1]
    if word not in _BEST | _WORST or state.role(column) != "column":
        return
    to = state.skip(column + 1, "down", "up")
    last = column
    while last + 1 < len(state.items) and state.items[last + 1].lower in ("to", "the", "down", "up"):
        last += 1
    ends = to < len(state.items) and last > column and state.items[to].lower in _BEST | _WORST
    if not ends and state.items[index].lower == "from":
        return
    ref = state.column(column, lambda info: info.is_date or (info.kind == "number" and not info.is_id))
    state.use(*range(index, (to if ends else column) + 1), why="order")
    state.draft.orders.append(OrderBy(ref=ref, descending=word in _BEST))
    if ref not in state.draft.projections:
        state.draft.projections.append(ref)
        state.draft.with_subject = True


def _by_before(state: State, index: int) -> bool:
    """ "projects by budget from highest to lowest": what stands behind "by" is ordered by."""
    at = state.skip_back(index - 1)
    if at >= 0 and state.items[at].text == ",":
        at = state.skip_back(at - 1)
    by = state.skip_back(at - 1)
    if state.role(at) != "column" or by < 1 or state.cue(by) != "by" or not state.items[at].free:
        return False
    if state.items[at].lower in ("date", "day", "month", "year") or state.items[by].lower != "by":
        return False
    if any(item.cue in ("count", "sum", "avg", "how much") for item in state.items[:by]):
        return False
    ref = state.column(at)
    state.draft.orders.append(OrderBy(ref=ref, descending=state.items[index].cue == "descending"))
    state.use(by, at, index, why="order")
    return True


def _direction_alone(state: State, index: int) -> None:
    """A direction without "by": of the measure, or of the names when it is alphabetical."""
    item = state.items[index]
    by_name = any(word in item.lower for word in ("alphabet", "chronolog", "calendar"))
    following = index + 1
    if "order of" in item.lower:
        order, _ = _target(state, state.skip(following))
        state.draft.orders.append(OrderBy(order.measure, order.ref, order.key, item.cue == "descending"))
    else:
        last = item.lower.removesuffix(" first").split()[-1]
        aged = {"oldest", "youngest"} & set(item.lower.split())
        dated = last in ("newest", "latest", "recent", "oldest", "earliest")
        what = "@age" if aged else ("@event" if dated else "")
        state.draft.orders.append(OrderBy(key=by_name, descending=item.cue == "descending", what=what))
    state.use(index, why="order")
