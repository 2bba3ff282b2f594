"""last month · in 2024 · since March · orders placed yesterday · customers who joined this year"""

from __future__ import annotations

from postai.ask.grammar.alternatives import more_years
from postai.ask.grammar.dating import period_predicate, year_month_predicates
from postai.ask.grammar.draft import Predicate, Ref, Unsure
from postai.ask.grammar.state import State
from postai.ask.grammar.years import said_then
from postai.language.dates import Period
from postai.language.derived import months, start_and_end
from postai.language.vocabulary import CREATION_VERBS
from postai.language.words import stem

_STARTED = frozenset({"started", "start", "began", "begun", "commenced"})
_MADE = frozenset({"released", "published", "issued", "launched", "aired"})


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if item.free and item.period is not None:
            found = _conditions(state, index, item.period)
            state.use(index, why="period")
            state.draft.predicates.extend(found)
            state.placed += [(one, index) for one in found if len(found) == 1]
            if len(found) == 1:
                more_years(state, index, found[0])


def _conditions(state: State, index: int, period: Period) -> list[Predicate]:
    then = said_then(state, index)
    if then is None:
        predicate = _predicate(state, index, period)
    else:
        predicate, at = Predicate(then[0], "period", period=period), then[1]
        if not period.certain:
            state.draft.confidence = min(state.draft.confidence, 0.85)
        if state.role(at) != "table" or state.items[at].verb:
            state.use(at, why="period")
    plain = year_month_predicates(state, predicate.ref, period)
    return plain if plain is not None else [predicate]


def _predicate(state: State, index: int, period: Period) -> Predicate:
    """The nearest word before the period that can be dated decides; else the first behind it."""
    for at in range(index - 1, -1, -1):
        if state.is_end(at):
            break
        found = _host(state, at, index, period)
        if found is not None:
            return found
    for at in range(index + 1, state.sentence_end(index)):
        found = _host(state, at, index, period)
        if found is not None:
            return found
    table = state.subject_table()
    if table is None:
        table = _only_table(state)
    if table is None:
        raise Unsure("what the period is about is not clear")
    return _of_table(state, _dated_instead(state, table), period)


def _only_table(state: State) -> int | None:
    """ "the turnover of each month in 2022": the one table whose columns are named, where no table is."""
    named = [{s.table for s in item.of_kind("column") if s.score > 0.9} for item in state.items]
    tables = {next(iter(one)) for one in named if len(one) == 1}
    return tables.pop() if len(tables) == 1 else None


def _dated_instead(state: State, table: int) -> int:
    """ "the top 5 regions by permits issued in 2024": what is counted or measured is dated, where regions are not."""
    if any(column.is_date or "year" in column.words for column in state.info(table).columns):
        return table
    measured = {measure.table for measure in state.draft.measures if measure.kind == "count"}
    measured |= {leaf.ref.table for one in state.draft.measures for leaf in one.leaves() if leaf.ref is not None}
    measured -= {None}
    if len(measured) != 1:
        return table
    other = measured.pop()
    assert other is not None
    return other if state.lexicon.graph.up_paths(other, table) else table


def _host(state: State, at: int, index: int, period: Period) -> Predicate | None:
    item = state.items[at]
    columns = [
        s for s in item.senses if s.kind == "column" and s.column and state.lexicon.column(s.table, s.column).is_date
    ]
    if columns and item.kind == "name" and (item.free or item.verb or state.role(at) == "column"):
        ranked = sorted(((state.rank(sense), sense) for sense in columns), key=lambda pair: -pair[0])
        if ranked[0][0] > 0.4 and (len(ranked) == 1 or ranked[1][0] < ranked[0][0] - 0.04):
            sense = ranked[0][1]
            assert sense.column is not None
            verbal = item.verb or item.lower.split()[0].endswith("ed")
            adjacent = state.skip(at + 1) >= index or verbal or _happened(state, at, index)
            if adjacent and (item.free or item.verb):
                _refuse_doubt(state, at, sense.table)
                state.use(at, why="period")
                if not period.certain:
                    state.draft.confidence = min(state.draft.confidence, 0.85)
                return Predicate(Ref(sense.table, sense.column), "period", period=period)
    if item.lower in CREATION_VERBS and item.kind in ("generic", "cue", "filler", "name", "unknown"):
        table = _table_for_creation(state, at)
        if table is not None and state.info(table).creation_date:
            state.use(at, why="period")
            return period_predicate(state, table, period, creation=True)
    if item.kind == "unknown" and item.lower in _STARTED and (began := _began(state)) is not None:
        state.use(at, why="period")
        state.draft.confidence = min(state.draft.confidence, 0.85)
        return Predicate(began, "period", period=period)
    if item.kind in ("unknown", "generic") and item.lower in _MADE and (made := _only_date(state)) is not None:
        found = period_predicate(state, made, period)
        state.use(at, why="period")
        return found
    if item.concept:
        table = _dated_by_measure(state)
        return period_predicate(state, table, period) if table is not None else None
    measured = [m.ref for m in state.draft.measures if m.ref is not None and any(
        (s.table, s.column) == (m.ref.table, m.ref.column) for s in item.senses)]  # fmt: skip
    if measured and state.info(measured[0].table).is_event:
        return period_predicate(state, measured[0].table, period)
    if state.role(at) == "table":
        table = state.table(at)
        earlier = _earlier_participle(state, at, table)
        if earlier is not None:
            return Predicate(earlier, "period", period=period)
        _refuse_own_date(state, at, table)
        if state.info(table).is_event or item.verb:
            return period_predicate(state, table, period)
    return None


def _began(state: State) -> Ref | None:
    """ "projects started in 2023": what opens the stretch of time of a row, else the one moment it is about."""
    table = state.subject_table()
    if table is None:
        return None
    info = state.info(table)
    ends = start_and_end(info)
    start = ends[0].name if ends is not None else info.event_date
    return Ref(table, start) if start is not None else None


def _only_date(state: State) -> int | None:
    """ "films released in May 2021": the table of the noun, where its rows keep one date or month only."""
    table = state.subject_table()
    if table is None:
        return None
    info = state.info(table)
    kept = sum(column.is_date for column in info.columns) + sum(not words for _, words in months(info))
    return table if kept == 1 else None


def _happened(state: State, at: int, index: int) -> bool:
    """ "losses that occurred in 2023": nothing but filler and a word for happening in between."""
    between = [item for item in state.items[at + 1 : index] if item.kind != "filler"]
    return bool(between) and all(item.kind == "generic" for item in between)


def _refuse_doubt(state: State, at: int, table: int) -> None:
    """ "orders shipped last month": a state of the orders, or the date of a shipment? Both are there: unsure."""
    values = {s.table for s in state.items[at].senses if s.kind == "value"}
    subject = state.subject_table()
    if subject in values and table != subject:
        raise Unsure(
            f'"{state.items[at].text}" is a state of {state.info(subject).table.name} '
            f"and a date of {state.info(table).table.name}"
        )


def _refuse_own_date(state: State, at: int, table: int) -> None:
    """ "customers who logged in last week": their own date of a login, or the rows of another table?"""
    item, subject = state.items[at], state.subject_table()
    if not item.verb or subject is None or subject == table:
        return
    for column in state.info(subject).columns:
        if column.is_date and item.stem in {stem(word.removesuffix("in")) for word in column.words}:
            raise Unsure(
                f'"{item.text}" is kept in {state.info(subject).table.name}.{column.name} '
                f"and in {state.info(table).table.name}",
                "Name the table or the column.",
            )


def _earlier_participle(state: State, at: int, table: int) -> Ref | None:
    """ "who solved the most tickets last month": the verb before the noun names the date of the noun's table."""
    for index in range(at):
        item = state.items[index]
        if not (item.verb and item.free):
            continue
        columns = [s.column for s in item.senses if s.kind == "column" and s.table == table and s.column]
        if len(columns) == 1 and state.lexicon.column(table, columns[0]).is_date:
            state.use(index, why="period")
            return Ref(table, columns[0])
    return None


def _table_for_creation(state: State, at: int) -> int | None:
    """Who joined: the nearest table before the verb that has a creation date; for "new customers" the one behind."""
    order = [*range(at - 1, -1, -1), *range(at + 1, len(state.items))]
    if state.items[at].lower in ("new", "added", "created", "registered") and state.role(state.skip(at + 1)) == "table":
        order = [state.skip(at + 1), *order]
    for other in order:
        if state.role(other) == "table" and not state.items[other].verb:
            table = state.table(other)
            if state.info(table).creation_date:
                return table
    return None


def _dated_by_measure(state: State) -> int | None:
    from postai.ask.grammar.money import money_tables

    for table in money_tables(state):
        return table
    return None


def _of_table(state: State, table: int, period: Period) -> Predicate:
    info = state.info(table)
    if not info.is_event and info.event_date is not None:
        near_events = [t for t in state.draft.mentioned if state.info(t).is_event]
        if not near_events and not any(column.words[0] in ("year",) for column in info.columns):
            dated = [c for c in info.columns if c.is_date]
            if len(dated) > 1 or info.event_date == info.creation_date:
                raise Unsure(
                    f"which date of {info.table.name} is meant is not clear",
                    "Say what happened then: joined, ordered, ...",
                )
    return period_predicate(state, table, period)
