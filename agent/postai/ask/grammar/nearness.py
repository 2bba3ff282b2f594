"""What stands beside a value or a verb and tells what it means, or that it is too far from it."""

from __future__ import annotations

from postai.ask.grammar.draft import Absence, Predicate, Ref, Unsure
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


def never_done(state: State, index: int, at: int, near: int | None) -> bool:
    """ "listings that were never shown": no row says when, where only rows that belong to them have such a date."""
    subject = near if near is not None else state.subject_table()
    dates = {
        Ref(sense.table, sense.column)
        for sense in state.items[at].of_kind("column")
        if sense.column and state.lexicon.column(sense.table, sense.column).is_date
    }
    tables = {ref.table for ref in dates}
    if subject is None or len(tables) != 1 or subject in tables:
        return False
    table = tables.pop()
    if len(state.lexicon.graph.up_paths(table, subject)) != 1:
        return False
    may_lack = [ref for ref in sorted(dates, key=lambda one: one.column) if not state.column_info(ref).column.not_null]
    happened = tuple(Predicate(ref, "null", negated=True) for ref in may_lack) if len(dates) == 1 else ()
    state.draft.absences.append(Absence(table, happened, anchor=subject))
    state.draft.confidence = min(state.draft.confidence, 0.85)
    state.use(index, at, why="absence")
    return True


def explained_in_brackets(state: State, index: int) -> bool:
    """ "German (de)": the value in brackets says which one is meant."""
    inner = index + 2
    if inner + 1 >= len(state.items) or state.role(inner) != "value":
        return False
    if state.items[index + 1].text != "(" or state.items[inner + 1].text != ")":
        return False
    state.use(index, index + 1, inner + 1, why="value")
    return True
