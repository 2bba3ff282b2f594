"""What the words beside a column word say about which column, or which rows, it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postai.ask.grammar.draft import Ref, Unsure

if TYPE_CHECKING:
    from postai.ask.grammar.state import State


def refuse_kind(state: State, index: int, best: Ref) -> None:
    """ "properties" are no property types."""
    own = state.column_info(best).own
    said = state.items[index].lower.split()
    if len(own) > 1 and own[-1] in ("type", "kind") and len(said) == 1 and said[0] != own[-1]:
        senses = [sense for sense in state.items[index].of_kind("column") if sense.column == best.column]
        if senses and senses[0].how == "part" and not said[0].endswith(own[-1]):
            raise Unsure(f'whether "{state.items[index].text}" means a {" ".join(own)} is not clear')


def refuse_other_money(state: State, index: int, best: Ref) -> None:
    """ "the total amount paid" is not that of bookings, where payments have an amount."""
    after = index + 1
    if state.role(after) != "table" or not state.items[after].verb or not state.column_info(best).money:
        return
    other = state.table(after)
    if other != best.table and any(column.money for column in state.info(other).columns):
        names = f"{state.info(best.table).table.name}.{best.column} or an amount of {state.info(other).table.name}"
        raise Unsure(f'"{state.items[index].text}" could mean {names}', "Name the table with the column.")


def done_to(state: State, index: int) -> int | None:
    """ "the amount paid": of the rows that have such a number and say when they were paid, or are payments."""
    after = index + 1
    if after >= len(state.items) or not state.items[after].verb:
        return None
    done = {sense.table for sense in state.items[after].senses if sense.kind != "value"}
    held = {
        sense.table
        for sense in state.items[index].of_kind("column")
        if sense.table in done and state.lexicon.column(sense.table, sense.column or "").kind == "number"
    }
    return held.pop() if len(held) == 1 else None
