"""departments and their number of employees, including those with none: rows without any are kept with a zero"""

from __future__ import annotations

from postai.ask.grammar.state import State
from postai.language.word_set import word_set

_INCLUDING = word_set("including include included also even showing keep counting")
_NONE = word_set("none zero 0 no without")
_PASSED = word_set(
    "those the ones one that who which have has had with any of them at all a an if they it do not is are were was "
    "there count counts as also all so far rows row value number even when yet does don't doesn't haven't hasn't been "
    "made placed received"
)


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if item.free and item.lower in _INCLUDING:
            _including(state, index)


def _including(state: State, index: int) -> None:
    """Everything from "including" to the end of the clause must only say that there is none."""
    end = index + 1
    none: int | None = None
    while end < len(state.items) and not state.is_end(end) and state.items[end].text != ",":
        item = state.items[end]
        words = item.lower.split()
        said = bool(_NONE & set(words)) or (item.cue == "not" and item.free)
        noun = state.role(end) in ("table", "column") and not state.items[end].of_kind("value")
        if item.text in ("(", ")"):
            pass
        elif said and none is None:
            none = end
        elif not (set(words) <= _PASSED or noun or item.kind in ("filler", "generic") or said):
            break
        end += 1
    if none is None:
        return
    bracket = index > 0 and state.items[index - 1].text in ("(", ",")
    state.use(*range(index - bracket, end), why="keeping")
    if end < len(state.items) and state.items[end].text == ")":
        state.use(end, why="keeping")
    state.draft.keep_all = True
