"""Numbers that each row has by itself, asked for without an aggregate: they are shown beside what names the row."""

from __future__ import annotations

from postai.ask.grammar.draft import Key, Ref
from postai.ask.grammar.state import State


def list_rows(state: State, index: int, ref: Ref) -> bool:
    """Show a column for each row of its table, when the question says so ("for each order").

    Args:
        index: the item that stands for the column.

    Returns:
        Whether it was so.
    """
    end = state.sentence_end(index)
    for at in [*range(index + 1, end), *range(index)]:
        if state.cue(at) not in ("each", "by"):
            continue
        noun = state.skip(at + 1)
        if state.role(noun) == "table" and state.table(noun) == ref.table and state.items[noun].free:
            state.use(index, at, noun, why="list")
            state.draft.subject = Key(table=ref.table)
            state.draft.with_subject = True
            state.draft.projections.append(ref)
            return True
    return False
