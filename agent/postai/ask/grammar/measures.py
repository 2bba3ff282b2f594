"""Reads phrases that stand for a number: "number of orders", "average price", "total revenue", "the most orders"."""

from __future__ import annotations

from dataclasses import dataclass

from postai.ask.grammar.draft import Measure, Ref, Unsure
from postai.ask.grammar.state import State
from postai.language.schema import ColumnInfo
from postai.language.tokens import key_of
from postai.language.vocabulary import MONEY_WORDS, UNITS
from postai.language.word_set import word_set
from postai.language.words import is_plural, singular

_AMOUNT_NOUNS = frozenset(
    [
        "payment",
        "refund",
        "donation",
        "expense",
        "fine",
        "fee",
        "bill",
        "charge",
        "deposit",
        "withdrawal",
        "sale",
        "transaction",
        "invoice",
    ]
)
# Of such a column each value is measured, not a number of things: "how many ratings" counts rows.
_DATE_PARTS = frozenset({"day", "week", "month", "quarter", "year", "hour"})
"""Numbers of days in a month are not days: the same one comes again each month."""
_MEASURES = MONEY_WORDS | {"rating", "score", "rate", "age", "weight", "height", "width", "length", "size", "number"}
_AGGREGATES = {
    "sum": "sum",
    "avg": "avg",
    "min": "min",
    "max": "max",
    "median": "median",
    "stddev": "stddev",
    "variance": "variance",
    "highest": "max",
    "lowest": "min",
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A measure and the index of the first item behind it; `used` are the items that it explains."""

    measure: Measure
    end: int
    used: tuple[int, ...]


def countable(info: ColumnInfo) -> bool:
    """Numbers that may be added up or averaged."""
    return info.kind in ("number", "interval") and not info.is_id and not info.refers


_ADDITIVE = word_set("""
    amount total cost fee charge payment paid revenue income profit tax quantity qty unit units count distance mileage
    minute minutes hour hours point points goal goals duration kilometer mile sold spent donation expense calories
    commission deposit play plays view views click clicks download downloads passenger visitor attendance adult
    child consumption kwh rain rainfall precipitation
    """)
_JUDGEMENTS = frozenset({"rating", "review", "score", "grade", "mark", "star", "point", "evaluation"})
_PARTICIPLES = word_set("""
    sold sent requested request bought won lost made taken used held borrowed returned produced consumed collected
    played donated
    """)
_TRADED = frozenset({"sold", "bought", "purchased", "ordered", "shipped"})
_NO_SUM = word_set("price rate rating score age average percent percentage ratio per level balance limit budget")


def additive(info: ColumnInfo) -> bool:
    """Whether the values of several rows are added up when people speak of the most or the highest of it."""
    words = set(info.words)
    counts = info.own[0] == "number" and len(info.own) > 1
    return countable(info) and (counts or bool(words & _ADDITIVE)) and not words & _NO_SUM


def read_measure(state: State, start: int, *, bare: bool = False, superlative: bool = False) -> Parsed | None:
    """The measure that starts at or right behind `start` (filler is stepped over); None = no measure is here.

    Args:
        bare: a numeric column without an aggregate word counts too.
        superlative: "most" or "fewest" stood in front, so a table's name means the number of its rows.
    """
    at = state.skip(start)
    if at >= len(state.items):
        return None
    if at in state.formulas and state.items[at].free:
        measure, end = state.formulas[at]
        return Parsed(measure, end, (at,))
    taught = state.items[at].measure
    if taught is not None and state.items[at].free:
        return Parsed(taught, at + 1, (at,))
    cue = state.cue(at)
    if cue == "distinct":
        inner = read_measure(state, at + 1, bare=bare, superlative=superlative)
        if inner is None or inner.measure.kind != "count":
            return None
        counted = inner.measure
        return Parsed(Measure("count", counted.table, counted.ref, distinct=True), inner.end, (at, *inner.used))
    if cue == "count":
        return _count(state, at)
    if cue in _AGGREGATES:
        found = _aggregate(state, at, _AGGREGATES[cue])
        if found is not None:
            return found
    if state.items[at].concept and state.items[at].free and state.role(at) not in ("column", "value"):
        return _concept(state, at, "sum")
    if state.role(at) == "table" and state.items[at].free:
        return _row_count(state, at, superlative)
    if superlative and state.role(at) == "value" and state.role(at + 1) == "table":
        return _row_count(state, at + 1, superlative)
    if (
        state.role(at) == "column"
        and state.items[at].free
        and state.items[at].lower.startswith("total ")
        and (superlative or not bare)
    ):
        try:
            return Parsed(Measure("aggregate", ref=state.column(at, countable), function="sum"), at + 1, (at,))
        except Unsure:
            return None
    if state.role(at) == "column" and state.items[at].free and (bare or superlative):
        try:
            ref = state.column(at, countable)
        except Unsure:
            return None
        return Parsed(Measure("plain", ref=ref), at + 1, (at,))
    return None


def _count(state: State, at: int) -> Parsed | None:
    """number of [distinct] [values] TABLE, or a column that already holds such a number."""
    index = state.skip(at + 1)
    used = [at]
    if (
        state.items[at].lower in ("count", "counts")
        and state.role(at - 1) == "table"
        and state.items[at - 1].free
        and at
    ):
        return Parsed(Measure("count", state.table(at - 1)), at + 1, (at - 1, at))
    distinct = False
    while index < len(state.items) and (
        state.role(index) == "value"
        or state.cue(index) in ("distinct", "and", "or")
        or state.items[index].kind == "filler"
        or state.items[index].used == "remark"
        or (state.items[index].kind == "number" and state.role(index + 1) == "column")
        or (state.items[index - 1].kind == "number" and state.role(index) == "column")
    ):
        if state.cue(index) == "distinct":
            distinct = True
            used.append(index)
        index += 1
    typed = _typed_rows(state, at, index)
    if typed is not None and (index >= len(state.items) or state.role(index) != "table"):
        return Parsed(Measure("count", typed), at + 1, tuple(used))
    if index >= len(state.items):
        return None
    role = state.role(index)
    if role == "table":
        following = index + 1
        # "customer orders": the last noun is what is counted, when the two are joined.
        compound = (
            state.role(following) == "table" and not state.items[following].verb and not state.items[index].plural
        )
        if compound and state.lexicon.graph.distance(state.table(index), state.table(following)) == 1:
            counted = Measure("count", state.table(following), distinct=distinct)
            return Parsed(counted, following + 1, (*used, index, following))
        refuse_items(state, index)
        counting = rows_hold_counts(state, state.table(index))
        if counting is not None:
            return Parsed(Measure("aggregate", ref=counting, function="sum"), following, (*used, index))
        return Parsed(Measure("count", state.table(index), distinct=distinct), following, (*used, index))
    ref = count_column(state, index)
    if ref is not None:
        return Parsed(Measure("plain", ref=ref), index + 1, (*used, index))
    if not role and (ref := _in_unit(state, index)) is not None:
        state.draft.confidence = min(state.draft.confidence, 0.85)
        return Parsed(Measure("aggregate", ref=ref, function="sum"), index + 1, (*used, index))
    if state.items[index].concept == "units":
        return Parsed(Measure("units"), index + 1, (*used, index))
    if role == "column":
        ref = state.column(index)
        info = state.column_info(ref)
        if any(sense.how == "clause" for sense in state.items[index].senses):
            return Parsed(Measure("plain", ref=ref), index + 1, (*used, index))
        if info.kind != "number" and all(sense.how == "stem" for sense in state.items[index].senses):
            raise Unsure(f'what number "{state.items[index].text}" stands for is not clear')
        held = not distinct and state.items[index].plural and info.words[-1] not in _MEASURES
        if countable(info) and held and (is_plural(info.name) or len(info.words) > 1):
            return Parsed(Measure("plain", ref=ref), index + 1, (*used, index))
        if not distinct and state.items[index].plural and _kind_of_rows(state, index, ref):
            state.draft.assumptions.append(f"{state.items[index].text} are the rows of {state.info(ref.table).title}")
            state.draft.confidence = min(state.draft.confidence, 0.8)
            return Parsed(Measure("count", ref.table), index + 1, (*used, index))
        if countable(info) and not distinct and info.words[-1] in _PARTICIPLES:
            return Parsed(Measure("plain", ref=ref), index + 1, (*used, index))
        if info.is_id or info.kind in ("text", "enum", "date", "number"):
            if info.words[-1] in _DATE_PARTS and not distinct:
                raise Unsure(f"whether rows or different values of {info.name} are counted is not clear")
            return Parsed(Measure("count", ref.table, ref, distinct=True), index + 1, (*used, index))
    return None


def _in_unit(state: State, index: int) -> Ref | None:
    """ "how many kg were harvested": the one amount of the rows that is kept in that unit."""
    noun = singular(state.items[index].lower)
    unit = next(
        (one for one in UNITS if noun in one and not one & {"second", "minute", "hour", "day", "percent"}), None
    )
    tables = state.anchors or sorted({s.table for item in state.items for s in item.senses if s.kind != "value"})
    if unit is None:
        return None
    found = [
        Ref(table, column.name)
        for table in dict.fromkeys(tables)
        for column in state.info(table).columns
        if column.words[-1] in unit and countable(column) and not _NO_SUM & set(column.words)
    ]
    return found[0] if len(found) == 1 else None


def _kind_of_rows(state: State, index: int, ref: Ref) -> bool:
    """ "properties" of property_type: the rows are the things of which the column says the kind."""
    words = state.column_info(ref).words
    last = {"type", "kind", "status", "state", "class", "category"}
    return len(words) == 2 and words[1] in last and words[0] == key_of(state.items[index].lower)


def _typed_rows(state: State, low: int, high: int) -> int | None:
    """ "how many page views": a value that says what kind of thing a row is stands for the rows."""
    for position in range(low + 1, min(high, len(state.items))):
        senses = state.items[position].of_kind("value")
        if state.role(position) == "value" and senses and senses[0].column is not None:
            tables = {
                s.table
                for s in senses
                if s.column and {"type", "kind", "event", "action"} & set(state.lexicon.column(s.table, s.column).words)
            }
            if len(tables) == 1 and len(senses) == 1 and state.items[position].plural:
                return next(iter(tables))
    return None


def refuse_items(state: State, index: int) -> None:
    """ "items" of an order: its lines, or the pieces on them? "most stock": rows of stock, or the stock itself?"""
    from postai.ask.grammar.money import quantity

    info = state.info(state.table(index))
    column = quantity(info)
    lines = state.items[index].lower in ("items", "item") and info.words != ("item",)
    _refuse_pieces(state, index)
    if column is not None and (lines or not state.items[index].plural):
        raise Unsure(
            f"whether {state.items[index].text} are rows of {info.table.name} or the sum of {column.name} is not clear",
            f'Say "number of {info.noun} lines" or "total {column.name}".',
        )


def _refuse_pieces(state: State, index: int) -> None:
    """ "bottles sold" of a table of wines that is only said to hold bottles: the wines, or the pieces sold of them?"""
    scores = [sense.score for sense in state.items[index].of_kind("table") if sense.table == state.table(index)]
    if max(scores) < 0.8 and any(item.lower in _TRADED for item in state.items):
        raise Unsure(f"whether different {state.items[index].text} or pieces are counted is not clear")


def rows_hold_counts(state: State, table: int) -> Ref | None:
    """A table with a column `count`: each row already stands for many."""
    info = state.info(table)
    names = [("count",), ("quantity",), ("unit",)] if {"inventory", "stock"} & set(info.words) else [("count",)]
    column = next((c for c in info.columns if c.own in names and c.kind == "number"), None)
    return Ref(table, column.name) if column is not None else None


def count_column(state: State, index: int) -> Ref | None:
    """A column such as num_reviews or review_count for "number of reviews"."""
    item = state.items[index]
    senses = [s for s in state.lexicon.senses("number " + key_of(item.lower)) if s.kind == "column"]
    ranked = [(state.rank(sense), sense) for sense in senses]
    literal = len(ranked) == 1 and ranked[0][1].score > 0.9 and not item.of_kind("table")
    ranked = [pair for pair in ranked if pair[0] > (0.4 if literal else 0.75)]
    if not ranked:
        return None
    ranked.sort(key=lambda pair: -pair[0])
    if len(ranked) > 1 and ranked[1][0] > ranked[0][0] - 0.04:
        return None
    best = ranked[0][1]
    assert best.column is not None
    return Ref(best.table, best.column)


def _aggregate(state: State, at: int, function: str) -> Parsed | None:
    """total/average/minimum/... followed by a count, a column or a concept."""
    index = state.skip(at + 1)
    if index >= len(state.items):
        return None
    item = state.items[index]
    if not item.free:
        return None
    if item.bucket and state.role(index) == "" and item.lower.endswith("ly"):
        index = state.skip(index + 1)
        if index >= len(state.items):
            return None
        item = state.items[index]
    if state.cue(index) == "count":
        return _over_count(state, at, index, function)
    if state.cue(index) in ("sum", "distinct"):
        inner = read_measure(state, index)
        return Parsed(inner.measure, inner.end, (at, *inner.used)) if inner and function == "sum" else None
    if item.concept and state.role(index) != "column":
        found = _concept(state, index, function)
        return Parsed(found.measure, found.end, (at, *found.used)) if found else None
    if state.cue(index) == "and" and state.cue(state.skip(index + 1)) in _AGGREGATES:
        inner = read_measure(state, index + 1)
        if inner is None or inner.measure.kind != "aggregate":
            return None
        return Parsed(Measure("aggregate", ref=inner.measure.ref, function=function), at + 1, (at, index))
    values: list[int] = []
    while state.role(index) == "value" and index + 1 < len(state.items):
        values.append(index)
        index += 1
    owner: list[int] = []
    while (
        state.role(index) == "table" and state.role(index + 1) in ("column", "table") and index + 1 < len(state.items)
    ):
        owner.append(index)
        index += 1
    if state.role(index) == "column":
        accept = countable if function in ("sum", "avg", "median", "stddev", "variance") else _orderable
        try:
            ref = state.column(index, lambda info: accept(info) and not state.is_above(info.table))
        except Unsure as unsure:
            if unsure.choices:
                raise
            ref = state.column(index, accept)
        _refuse_sum_of_rates(state, ref, function)
        end = index + 1
        while state.role(end) == "column" and state.items[end].free and _names(state, end, ref):
            end += 1  # "star rating": two words for one column
        return Parsed(Measure("aggregate", ref=ref, function=function), end, (at, *owner, *range(index, end)))
    if state.items[index].concept:
        found = _concept(state, index, function)
        return Parsed(found.measure, found.end, (at, *owner, *found.used)) if found else None
    if state.role(index) == "table" and function == "sum":
        held = rows_hold_counts(state, state.table(index))
        if held is not None:
            return Parsed(Measure("aggregate", ref=held, function="sum"), index + 1, (at, *owner, index))
        info = state.info(state.table(index))
        if info.words[-1] in _AMOUNT_NOUNS and any(column.money for column in info.columns):
            raise Unsure(
                f"whether the number or the amount of {info.table.name} is meant is not clear",
                'Say "number of" or "total amount of".',
            )
        return Parsed(Measure("count", state.table(index)), index + 1, (at, *owner, index))
    if state.role(index) == "table" and function != "sum" and (held := _judged(state, state.table(index))) is not None:
        state.draft.confidence = min(state.draft.confidence, 0.85)
        return Parsed(Measure("aggregate", ref=held, function=function), index + 1, (at, *owner, index))
    return None


def _judged(state: State, table: int) -> Ref | None:
    """ "the average rating" of a table of ratings: the one number that says how good something was."""
    info = state.info(table)
    if info.words[-1] not in _JUDGEMENTS:
        return None
    held = [column for column in info.columns if countable(column) and column.own[-1] in _JUDGEMENTS | {"value"}]
    return Ref(table, held[0].name) if len(held) == 1 else None


def _refuse_sum_of_rates(state: State, ref: Ref, function: str) -> None:
    """The total of fractions or percentages says nothing."""
    info = state.column_info(ref)
    comment = (info.column.comment or "").lower()
    rate = {"percent", "rate", "ratio", "fraction", "percentage"}
    if function == "sum" and (rate & set(info.words) or any(word in comment for word in ("fraction", "percent"))):
        raise Unsure(f"a total of {info.name} says nothing: it is a rate", "Ask for its average.")


def _names(state: State, index: int, ref: Ref) -> bool:
    return any((sense.table, sense.column) == (ref.table, ref.column) for sense in state.items[index].of_kind("column"))


def _orderable(info: ColumnInfo) -> bool:
    return not info.is_id and info.kind in ("number", "date", "timestamp", "timestamptz", "time", "interval")


def _over_count(state: State, at: int, index: int, function: str) -> Parsed | None:
    """total number of X = a count; average number of X = a count-like column, or a count for each Y."""
    found = _count(state, index)
    if found is None:
        return None
    measure = found.measure
    if measure.kind == "plain":
        return Parsed(Measure("aggregate", ref=measure.ref, function=function), found.end, (at, *found.used))
    if function == "sum":
        return Parsed(measure, found.end, (at, *found.used))
    return None


def _concept(state: State, at: int, function: str) -> Parsed | None:
    item = state.items[at]
    concept = item.concept or ""
    if concept == "units":
        return Parsed(Measure("units", function=function), at + 1, (at,))
    if concept == "revenue" and function in ("min", "max", "median"):
        raise Unsure("whether the revenue of one sale or of many is meant is not clear", "Say what has the revenue.")
    if concept == "order value" and function == "sum":
        function = "plain"
    return Parsed(Measure("money", function=function, concept=concept), at + 1, (at,))


def _row_count(state: State, at: int, superlative: bool) -> Parsed | None:
    table = state.table(at)
    following = at + 1
    if (
        following < len(state.items)
        and state.items[following].lower in ("count", "counts")
        and state.items[following].free
    ):
        return Parsed(Measure("count", table), following + 1, (at, following))
    if state.role(following) == "column" and state.items[following].free and not state.items[at].plural:
        try:
            ref = state.column(following, countable)
        except Unsure:
            return None
        return Parsed(Measure("plain", ref=ref), following + 1, (at, following))
    if (
        state.role(following) == "table"
        and state.lexicon.graph.distance(table, state.table(following)) == 1
        and superlative
    ):
        return Parsed(Measure("count", state.table(following)), following + 1, (at, following))
    if superlative or state.items[at].plural:
        refuse_items(state, at)
        return Parsed(Measure("count", table), following, (at,))
    return None
