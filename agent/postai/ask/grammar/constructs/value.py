"""cancelled orders · customers from Germany · products named "Desk" · status is open or pending"""

from __future__ import annotations

from postai.ask.grammar.alternatives import join_periods
from postai.ask.grammar.conditions import conditions_in
from postai.ask.grammar.state import State


def apply(state: State) -> None:
    found = conditions_in(state, 0, len(state.items), state.subject_table())
    for predicate in found:
        if predicate not in state.draft.predicates:
            state.draft.predicates.append(predicate)
    join_periods(state)
