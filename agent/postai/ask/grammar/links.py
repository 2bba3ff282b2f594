"""Tables that only link two others: who works on which project, which tag is on which article."""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.draft import Having, Measure, OrderBy, Ref
from postai.ask.grammar.state import State
from postai.language.graph import Path
from postai.language.word_set import word_set

_FEW_COLUMNS = 3
_OPINIONS = word_set(
    "rating review comment like vote favorite favourite feedback bookmark wish recommendation complaint"
)


def is_link(state: State, table: int) -> bool:
    """Whether rows of a table do little more than join rows of two others."""
    info, refers = state.info(table), _references(state, table)
    if len(refers) < 2:
        return False
    if len(info.key) > 1 and set(info.key) <= refers:
        return True
    rest = [one for one in info.columns if one.name not in refers and not one.is_id and not one.is_key]
    return len(refers) == 2 and len(rest) < _FEW_COLUMNS and not info.is_event


def _references(state: State, table: int) -> set[str]:
    """Columns of a table that refer to another, declared or guessed."""
    return {child for edge in state.lexicon.graph.edges if edge.child == table for child, _ in edge.pairs}


def link_between(state: State, one: int, other: int) -> int | None:
    """The one table that links two others which do not refer to each other; None = none or several."""
    edges = state.lexicon.graph.edges
    if any({edge.child, edge.parent} == {one, other} for edge in edges):
        return None
    children = [{edge.child for edge in edges if edge.parent == table} for table in (one, other)]
    both = children[0] & children[1]
    found = [table for table in both if is_link(state, table)] or [table for table in both if table in state.anchors]
    return found[0] if len(found) == 1 else None


def over_link(state: State, paths: tuple[Path, ...]) -> Path | None:
    """Of several ways between two tables the one over a table that is made for it; None = there is none.

    What people think of a thing is not what relates them to it: learners take courses by enrolling, not by rating.
    """
    over = [path for path in paths if len(path) == 2 and not path[0].up and path[1].up]
    plain = [path for path in over if not _OPINIONS & set(state.info(path[0].target).words)]
    if len(plain) == 1 and len(over) == len(paths) > 1:
        return plain[0]
    found = [path for path in plain if is_link(state, path[0].target)]
    return found[0] if len(found) == 1 else None


def count_over_links(state: State) -> None:
    """ "employees per project": rows of the table between the two are counted."""
    draft = state.draft
    keys = [*draft.groups, *([draft.subject] if draft.subject is not None else []), *draft.partition]
    tables = {key.table for key in keys if key.table is not None} | {
        key.ref.table for key in keys if key.ref is not None
    }

    def linked(measure: Measure) -> Measure:
        if measure.kind != "count" or measure.ref is not None or measure.table is None:
            return measure
        for table in sorted(tables - {measure.table}):
            link = link_between(state, measure.table, table)
            if link is None or not all(_near(state, link, other) for other in draft.mentioned):
                continue
            return _counted(state, measure, link)
        return measure

    draft.measures = [linked(measure) for measure in draft.measures]
    draft.havings = [Having(linked(h.measure), h.operator, h.value, h.high) for h in draft.havings]
    draft.projections = [linked(e) if isinstance(e, Measure) else e for e in draft.projections]
    draft.orders = [
        replace(order, measure=linked(order.measure)) if isinstance(order, OrderBy) and order.measure else order
        for order in draft.orders
    ]


def _near(state: State, link: int, table: int) -> bool:
    return table == link or bool(state.lexicon.graph.up_paths(link, table))


def _counted(state: State, measure: Measure, link: int) -> Measure:
    edges = [e for e in state.lexicon.graph.edges if e.child == link and e.parent == measure.table]
    if len(edges) != 1 or len(edges[0].pairs) != 1:
        return measure
    column = edges[0].pairs[0][0]
    info = state.info(link)
    once = column in info.key and len(info.key) == 2 and set(info.key) <= _references(state, link)
    if once:
        return replace(measure, table=link, named=measure.table)
    return replace(measure, table=link, ref=Ref(link, column), distinct=True, named=measure.table)
