"""Several nouns that one "number of" counts: "number of orders and reviews", "how many books and members"."""

from __future__ import annotations

from postai.ask.grammar.draft import Measure
from postai.ask.grammar.measures import Parsed
from postai.ask.grammar.state import State

_AUXILIARY = frozenset({"does", "do", "did", "has", "have", "had", "are", "were", "is", "was", "there"})


def also_counted(state: State, parsed: Parsed) -> list[Measure]:
    """The further nouns behind the first one that is counted; their items are marked."""
    found: list[Measure] = []
    first, end = parsed.measure, parsed.end
    if first.kind != "count" or first.ref is not None or state.role(end - 1) != "table":
        return found
    while state.cue(end) == "and" or (end < len(state.items) and state.items[end].text == ","):
        at = state.skip(end + 1)
        if state.cue(at) == "and":
            at = state.skip(at + 1)
        if state.role(at) != "table" or state.items[at].verb or not (state.items[at].plural and state.items[at].free):
            break
        if not _ends(state, at + 1):
            break
        table = state.table(at)
        if table == first.table or any(one.table == table for one in found):
            break
        found.append(Measure("count", table))
        state.use(*range(end, at + 1), why="measure")
        end = at + 1
    return found


def _ends(state: State, at: int) -> bool:
    """Nothing behind the noun says more about it alone."""
    if at >= len(state.items) or state.is_end(at):
        return True
    item = state.items[at]
    return item.text == "," or item.cue in ("each", "by", "and", "order by") or item.lower in _AUXILIARY | {"of", "for"}
