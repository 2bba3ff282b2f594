"""Several conditions side by side: values of one column mean any of them, "or" joins columns."""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.draft import Key, Predicate, Unsure
from postai.ask.grammar.state import State


def combine(state: State, found: list[tuple[Predicate, int]]) -> list[Predicate]:
    """Values of one column side by side mean any of them; "or" between columns joins them by OR."""
    result: list[Predicate] = []
    group = len(state.draft.predicates) * 100
    state.placed += found
    for position, (predicate, index) in enumerate(found):
        previous = found[position - 1] if position else None
        linked = _linked_by_or(state, previous[1], index) if previous else False
        if linked and previous and any(state.items[i].cue == "and" for i in range(previous[1], index)):
            raise Unsure('how "and" and "or" belong together is not clear')
        if previous and result and _denied_too(state, result[-1], predicate, previous[1], index):
            predicate = replace(predicate, negated=True)
        if previous and result:
            last = result[-1]
            same = (
                last.ref == predicate.ref
                and last.operator in ("=", "in")
                and predicate.operator == "="
                and last.negated == predicate.negated
            )
            if same and predicate.values[0] not in last.values and not isinstance(predicate.values[0], bool):
                joint = any(state.items[i].cue == "and" for i in range(previous[1], index)) and not linked
                if joint and not last.negated:
                    _each_of(state, last, previous[1])
                result[-1] = replace(
                    last,
                    operator="in",
                    values=(*last.values, *predicate.values),
                    fold=last.fold or predicate.fold,
                    joint=last.joint or joint,
                )
                _use_or(state, previous[1], index)
                continue
            if linked:
                number = last.group if last.group is not None else group + position
                result[-1] = _grouped(last, number)
                result.append(_grouped(predicate, number))
                _use_or(state, previous[1], index)
                continue
        result.append(predicate)
    return result


def _denied_too(state: State, last: Predicate, predicate: Predicate, low: int, high: int) -> bool:
    """ "not in Sales or Legal", "except France, Spain and Italy": the denial holds for every value of the list."""
    if not last.negated or predicate.negated or last.ref != predicate.ref or predicate.operator != "=":
        return False
    return last.operator in ("=", "in") and all(
        state.items[at].kind in ("filler", "symbol") or not state.items[at].free or state.items[at].cue in ("or", "and")
        for at in range(low + 1, high)
    )


def _each_of(state: State, first: Predicate, index: int) -> None:
    """ "revenue by year for Germany and France": for each of the two; without any grouping it is a doubt."""
    before = index - 1
    while before >= 0 and state.items[before].lower in ("the", "both"):
        before -= 1
    if before < 0 or state.items[before].lower != "for":
        return
    draft = state.draft
    if draft.groups and all(key.bucket for key in draft.groups):
        draft.groups.append(Key(ref=first.ref))
    elif draft.measures and not draft.groups:
        raise Unsure("whether they are meant together or each is not clear", 'Say "by ..." or "together".')


def _grouped(predicate: Predicate, number: int) -> Predicate:
    return replace(predicate, group=number)


def _linked_by_or(state: State, low: int, high: int) -> bool:
    return any(state.items[i].cue == "or" for i in range(low, high))


def _use_or(state: State, low: int, high: int) -> None:
    for i in range(low, high):
        if state.items[i].cue in ("or", "and") or state.items[i].text == ",":
            state.items[i].used = "list"
