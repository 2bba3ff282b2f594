"""without duplicates · no repeated names · each only once: only different rows are wanted"""

from __future__ import annotations

from postai.ask.grammar.state import State

_TWICE = frozenset({"duplicates", "duplicate", "repeats", "repeated", "repetition", "repetitions", "duplication"})
_AROUND = frozenset(
    {"without", "no", "remove", "removing", "eliminate", "eliminating", "any", "with", "exclude", "excluding", "avoid",
     "avoiding", "ignoring", "ignore", "not", "rows", "entries", "values", "names"}
)  # fmt: skip


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if item.free and item.lower in _TWICE:
            low = index
            while low > 0 and state.items[low - 1].free and state.items[low - 1].lower in _AROUND:
                low -= 1
            denied = {at.lower for at in state.items[low:index]} & (_AROUND - {"any", "with", "rows", "entries"})
            if denied:
                state.use(*range(low, index + 1), why="distinct")
                behind = index + 1
                if behind < len(state.items) and state.items[behind].lower in ("rows", "entries", "values"):
                    state.use(behind, why="distinct")
                state.draft.distinct = True
