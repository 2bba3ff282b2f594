"""Values that are too far from the noun beside them to be meant."""

from __future__ import annotations

from postai.ask.grammar.draft import Unsure
from postai.ask.grammar.state import State
from postai.language.lexicon import Sense


def refuse_far(state: State, index: int, senses: list[Sense]) -> None:
    """ "open tickets" where only invoices are open: a word right before a noun says something of its rows.

    Raises:
        Unsure: the value is kept for rows that are not theirs.
    """
    noun = index + 1
    if state.role(noun) != "table" or state.items[noun].verb or state.items[index].kind == "quoted":
        return
    table, graph = state.table(noun), state.lexicon.graph
    near = [s for s in senses if graph.up_paths(table, s.table) or graph.distance(table, s.table) in (0, 1)]
    if not near:
        title = state.info(senses[0].table).table.name
        raise Unsure(f'"{state.items[index].text}" is a value of {title}, not of {state.info(table).table.name}')
