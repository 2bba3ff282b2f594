"""price over 100 · more than 3 orders · between 10 and 20 · 5 or more reviews"""

from __future__ import annotations

from postai.ask.grammar.comparisons import is_range, read_comparison
from postai.ask.grammar.draft import Having
from postai.ask.grammar.state import State

_CUES = ("over", "at least", "under", "at most", "exactly", "unequal", "range", "more suffix", "less suffix")


def apply(state: State) -> None:
    """Comparisons of a measure; those of a plain column are read with the other conditions (constructs/value.py)."""
    for index in list(state.find_cues(*_CUES)):
        if not state.items[index].free:
            continue
        read = read_comparison(state, index)
        if read is not None and isinstance(read.found, Having):
            state.use(*read.used, why="comparison")
            state.draft.havings.append(read.found)
    for index, item in enumerate(state.items):
        if item.free and is_range(state, index):
            read = read_comparison(state, index)
            if read is not None and isinstance(read.found, Having):
                state.use(*read.used, why="comparison")
                state.draft.havings.append(read.found)
