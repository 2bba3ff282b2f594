"""Reads one side of a quotient or a difference: a measure between two items, with conditions of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from postai.ask.grammar.conditions import conditions_in
from postai.ask.grammar.dating import period_predicate
from postai.ask.grammar.draft import Absence, Measure, Predicate, Ref, Unsure
from postai.ask.grammar.measures import Parsed, read_measure, rows_hold_counts
from postai.ask.grammar.state import State

_CLAUSE = frozenset(
    {"that", "who", "which", "are", "is", "were", "was", "have", "has", "had", "been", "being", "did", "do", "does"}
)


@dataclass(frozen=True, slots=True)
class Operand:
    """One side: its measure (None = only conditions were said) and the conditions on its rows.

    Attributes:
        noun: index of the first item of the measure, -1 without one.
    """

    measure: Measure | None
    conditions: tuple[Predicate | Absence, ...]
    noun: int

    def of(self, other: Operand) -> Measure | None:
        """The measure under its conditions; where none was said, that of the other side."""
        measure = self.measure or other.measure
        return replace(measure, only=(*measure.only, *self.conditions)) if measure is not None else None


def find_measure(state: State, low: int, high: int) -> tuple[int, Parsed] | None:
    """The first measure that lies between two items: a count, an aggregate, a column, the rows of a noun."""
    for at in range(low, high):
        item = state.items[at]
        if not item.free or item.kind == "filler" or item.verb:
            continue
        parsed = read_measure(state, at, bare=True)
        if parsed is None and state.role(at) == "table" and item.possessive is False:
            parsed = Parsed(Measure("count", state.table(at)), at + 1, (at,))
        if parsed is not None and parsed.measure.kind == "count" and parsed.measure.table is not None:
            held = rows_hold_counts(state, parsed.measure.table) if parsed.measure.ref is None else None
            if held is not None:
                parsed = replace(parsed, measure=Measure("aggregate", ref=held, function="sum"))
        if parsed is not None and parsed.end <= high:
            return at, parsed
    return None


def kind_of_rows(state: State, low: int, high: int) -> tuple[int, int] | None:
    """ "percentage of dogs": a plural value that says what kind of thing a row is: (its item, the table of the rows).

    The rows are those of the table that holds the value, or of the one table whose rows refer to its rows.
    """
    for at in range(low, high):
        item = state.items[at]
        if state.role(at) != "value" or not item.plural or not item.free:
            continue
        tables = {sense.table for sense in item.of_kind("value")}
        if len(tables) != 1:
            return None
        table = tables.pop()
        column = next(sense.column for sense in item.of_kind("value") if sense.column)
        words = set(state.lexicon.column(table, column).words)
        if words & {"type", "kind", "category", "species", "class", "genre"} and column not in state.info(table).labels:
            return at, table
        children = [step.target for step in state.lexicon.graph.steps.get(table, ()) if not step.up]
        return (at, children[0]) if len(set(children)) == 1 else None
    return None


def read_operand(state: State, low: int, high: int, table: int | None = None) -> Operand:
    """The measure and the conditions between two items; what they explain is marked.

    Args:
        table: whose rows conditions are about where no measure is said.
    """
    found = find_measure(state, low, high)
    measure = None
    noun = -1
    if found is not None:
        noun, parsed = found
        measure = parsed.measure
        if measure.kind == "plain":
            measure = replace(measure, kind="aggregate", function="sum")
        state.use(*parsed.used, why="formula")
        table = table_of(state, measure)
    return Operand(measure, tuple(conditions(state, low, high, table)), noun)


def table_of(state: State, measure: Measure) -> int | None:
    """The table whose rows a measure is about, as far as it is clear before joins are chosen."""
    leaf = measure.leaves()[0]
    if leaf.kind in ("money", "units"):
        return state.money_table()
    return leaf.ref.table if leaf.ref is not None and leaf.kind != "count" else leaf.table


def conditions(state: State, low: int, high: int, table: int | None) -> list[Predicate | Absence]:
    """What is said of rows of a table between two items: values, keys that are set, rows that are there or not.

    A period behind other rows ("that ordered in 2024") is about those; one of several in the sentence is about this
    side; a single one is about everything and left to be read as such.
    """
    found: list[Predicate | Absence] = list(conditions_in(state, low, high, table))
    if table is None:
        return found
    _refuse_far(state, found, table)
    several = sum(item.period is not None for item in state.items) > 1
    for at in range(low, high):
        item = state.items[at]
        if item.free and item.period is not None:
            last = found[-1] if found else None
            if isinstance(last, Absence):
                found[-1] = replace(
                    last, predicates=(*last.predicates, period_predicate(state, last.table, item.period))
                )
                state.use(at, why="formula")
            elif several:
                found.append(period_predicate(state, table, item.period))
                state.use(at, why="formula")
        elif item.free and state.role(at) == "table":
            found += _other_table(state, low, at, table, found)
        elif item.free and state.role(at) == "verb":
            found += _done(state, at, table)
    state.use_range(low, high, "formula")
    return found


def _refuse_far(state: State, found: list[Predicate | Absence], table: int) -> None:
    """A state of other rows that the question does not name is not said of these."""
    for one in found:
        if not isinstance(one, Predicate) or one.ref.table == table or one.ref.table in state.anchors:
            continue
        if not state.lexicon.graph.up_paths(table, one.ref.table):
            name = state.info(one.ref.table).table.name
            raise Unsure(f"{one.ref.column} is kept in {name}, which the question does not name")


def _done(state: State, at: int, table: int) -> list[Predicate | Absence]:
    """ "ended subscriptions": a date that may be missing is there"""
    dates = [
        sense.column
        for sense in state.items[at].of_kind("column")
        if sense.table == table and sense.column and state.lexicon.column(table, sense.column).is_date
    ]
    if len(dates) != 1 or state.lexicon.column(table, dates[0]).column.not_null:
        return []
    state.use(at, why="formula")
    state.draft.assumptions.append(f"{state.items[at].text} means that {dates[0]} is set")
    return [Predicate(Ref(table, dates[0]), "null", negated=True)]


def _other_table(
    state: State, low: int, at: int, table: int, found: list[Predicate | Absence]
) -> list[Predicate | Absence]:
    """A second noun: what rows belong to is only named; "that used a coupon", "with no orders" are conditions."""
    other = state.table(at)
    denied = next((i for i in range(low, at) if state.cue(i) == "not"), None)
    if other == table:
        state.use(at, why="formula")
        return []
    state.draft.mentioned.discard(other)
    paths = state.lexicon.graph.up_paths(table, other)
    if paths:
        state.use(at, why="formula")
        if len(paths) != 1 or len(paths[0]) != 1 or any(isinstance(p, Predicate) for p in found):
            return []
        column = paths[0][0].edge.pairs[0][0]
        if state.info(table).column(column).column.not_null:
            return []
        if denied is not None:
            state.use(denied, why="formula")
        return [Predicate(Ref(table, column), "null", negated=denied is None)]
    if not state.lexicon.graph.up_paths(other, table):
        return []
    state.use(at, why="formula")
    if denied is not None:
        state.use(denied, why="formula")
        return [Absence(other, anchor=table)]
    if any(isinstance(p, Predicate) and p.ref.table == other for p in found):
        return []
    return [Absence(other, present=True, anchor=table)]


def parts_and_whole(
    state: State, low: int, high: int, noun: int, table: int | None
) -> tuple[list[Predicate | Absence], list[Predicate | Absence]]:
    """Conditions on the part and those on the whole: "percentage of orders from Spain that were cancelled".

    What a clause says is about the part; what stands with the noun then is about the whole. Without a clause, the
    word in front of the noun is the part and what follows the noun the whole.
    """
    among = next((i for i in range(noun + 1, high) if _among(state, i, high, table)), None)
    if among is not None:
        part = conditions(state, low, among, table)
        whole = conditions(state, among, high, table)
        for at in range(among, high):
            if state.role(at) == "table" and state.items[at].free and state.table(at) == table:
                state.use(at, why="formula")
        return part, whole
    clause = next((i for i in range(noun + 1, high) if _opens(state, i)), None)
    if clause is not None:
        whole = conditions(state, low, clause, table)
        part = conditions(state, clause, high, table)
    else:
        part = conditions(state, low, noun, table)
        whole = conditions(state, noun + 1, high, table)
    return (part, whole) if part else (whole, [])


def _among(state: State, at: int, high: int, table: int | None) -> bool:
    """ "percentage of calls with a complaint AMONG ALL ANSWERED CALLS": the rows that are the whole."""
    if state.items[at].lower not in ("among", "amongst") and state.cue(at) != "out of":
        return False
    nouns = [i for i in range(at + 1, high) if state.role(i) == "table" and not state.items[i].verb]
    return bool(nouns) and table is not None and state.table(nouns[0]) == table


def _opens(state: State, at: int) -> bool:
    item = state.items[at]
    return item.lower.split()[0] in _CLAUSE and (item.kind == "filler" or item.cue == "not")


def require(measure: Measure | None) -> Measure:
    """The measure, or the doubt that there is none."""
    if measure is None:
        raise Unsure("what is to be counted or added up is not clear")
    return measure
