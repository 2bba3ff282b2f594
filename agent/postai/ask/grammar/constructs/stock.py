"""products that are out of stock in a warehouse · medications in stock: the column that says how many there are"""

from __future__ import annotations

from postai.ask.grammar.draft import Predicate, Ref, Unsure
from postai.ask.grammar.measures import countable
from postai.ask.grammar.money import is_stock, quantity
from postai.ask.grammar.state import State

_LEVELS = frozenset({"minimum", "min", "maximum", "max", "reorder", "level", "price", "value", "target"})


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if item.lower == "stock" and index and (item.free or state.role(index) == "column"):
            _own_column(state, index)
    _in_stock(state)
    for index in list(state.find_cues("out of")):
        at = state.skip(index + 1)
        if state.role(at) != "table" or not is_stock(state.info(state.table(at))):
            continue
        table = state.table(at)
        column = quantity(state.info(table))
        if column is None:
            continue
        subject = state.subject_table()
        beside = [
            p for p in state.draft.predicates
            if p.ref.table not in (table, subject) and state.lexicon.graph.up_distance(table, p.ref.table)
        ]  # fmt: skip
        if not beside:
            raise Unsure("whether one place or every place without any is meant is not clear", "Name the place.")
        state.use(index, at, why="stock")
        state.draft.predicates.append(Predicate(Ref(table, column.name), "=", (0,)))


def _own_column(state: State, index: int) -> None:
    """in stock, out of stock: of rows that say themselves how many there are"""
    before = state.items[index - 1].lower
    subject = state.subject_table()
    behind = index + 1
    said = before in ("in", "out of") or state.items[index - 1].cue == "out of"
    if subject is None or not said or (behind < len(state.items) and state.role(behind) in ("column", "table")):
        return
    found = [
        column
        for column in state.info(subject).columns
        if countable(column) and {"stock", "inventory"} & set(column.words) and not set(column.words) & _LEVELS
    ]
    if len(found) != 1 or any(item.cue in ("count", "sum", "most", "least") for item in state.items[index - 2 : index]):
        return
    denied = index > 1 and state.cue(index - 2) == "not"
    out = before != "in"
    if denied:
        state.use(index - 2, why="stock")
    state.use(index - 1, index, why="stock")
    ref = Ref(subject, found[0].name)
    state.draft.predicates.append(Predicate(ref, "=" if out != denied else ">", (0,)))


def _in_stock(state: State) -> None:
    """ "products in stock": there may be rows that say that nothing is there."""
    measures = state.draft.measures
    if any(measure.kind == "units" or measure.ref is not None for measure in measures):
        return
    for index, item in enumerate(state.items):
        if item.lower == "stock" and index and state.items[index - 1].lower == "in" and state.role(index) == "table":
            info = state.info(state.table(index))
            if quantity(info) is not None:
                raise Unsure(f"whether rows of {info.table.name} that hold none count is not clear")
