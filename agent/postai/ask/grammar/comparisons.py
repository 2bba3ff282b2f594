"""Reads comparisons with a number: "price over 100", "more than 3 orders", "average rating of at least 4"."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from postai.ask.grammar.cues import COMPARISONS
from postai.ask.grammar.draft import Having, Measure, Predicate, Ref, Unsure
from postai.ask.grammar.measures import count_column, countable, read_measure, refuse_items
from postai.ask.grammar.money import is_sale
from postai.ask.grammar.state import State
from postai.language.vocabulary import CURRENCIES
from postai.language.words import singular

_LENGTHS = ("duration", "length", "distance", "minute", "hour")
_SIZES = {
    "heavier": ("weight",), "lighter": ("weight",), "taller": ("height",), "longer": _LENGTHS, "shorter": _LENGTHS,
}  # fmt: skip
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_ADJECTIVES = {
    "heavier": ("weight",), "lighter": ("weight",), "weigh": ("weight",), "weighs": ("weight",), "taller": ("height",),
    "longer": _LENGTHS, "shorter": _LENGTHS, "earn": ("salary", "wage", "income", "pay"),
    "earns": ("salary", "wage", "income", "pay"), "older": ("age",), "younger": ("age",),
}  # fmt: skip
_PRICE_WORDS = ("more expensive than", "cheaper than", "costlier than", "less expensive than")


@dataclass(frozen=True, slots=True)
class Read:
    """A comparison and the items that it explains."""

    found: Predicate | Having
    used: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Number:
    operator: str
    value: Decimal
    high: Decimal | None
    used: tuple[int, ...]
    first: int
    end: int
    money: bool


def read_comparison(state: State, cue: int, near: int | None = None) -> Read | None:
    """The comparison around an operator word; None = no number belongs to it."""
    number = _number(state, cue)
    if number is None:
        return None
    right = _right(state, number)
    if right is not None:
        return right
    left = _left(state, number, near)
    if left is not None:
        return left
    found = _by_property(state, cue, number, near) or _by_size(state, cue, number, near)
    return found or _with_next(state, number, near) or _with_previous(state, number)


def _with_next(state: State, number: _Number, near: int | None) -> Read | None:
    """ "more than 100 and fewer than 200 shares": the noun stands behind the second number."""
    joint = state.skip(number.end)
    following = state.skip(joint + 1)
    if following >= len(state.items) or state.items[joint].cue != "and" or state.cue(following) not in COMPARISONS:
        return None
    second = read_comparison(state, following, near)
    if second is None:
        return None
    state.use(joint, why="comparison")
    return _make(state, _compared(second.found), number, ())


def _with_previous(state: State, number: _Number) -> Read | None:
    """ "shares over 100 and under 200": the second number is compared with what the first one was."""
    joint = state.skip_back(number.first - 1)
    before = state.skip_back(joint - 1)
    if before < 0 or state.items[joint].cue not in ("and", "or") or state.items[before].used != "comparison":
        return None
    if state.compared is None:
        return None
    used = (joint,) if state.items[joint].cue == "and" else ()
    return _make(state, state.compared, number, used)


def _compared(found: Predicate | Having) -> Measure:
    return found.measure if isinstance(found, Having) else Measure("plain", ref=found.ref)


def _number(state: State, cue: int) -> _Number | None:
    item = state.items[cue]
    if item.cue in ("more suffix", "less suffix"):
        before = cue - 1
        if before >= 0 and state.items[before].kind == "number" and state.items[before].free:
            value = state.items[before].number or Decimal(0)
            operator = ">=" if item.cue == "more suffix" else "<="
            return _Number(operator, value, None, (before, cue), before, cue + 1, bool(state.items[before].unit == "$"))
        return None
    if item.kind == "number":
        return _from_to(state, cue)
    at = state.skip(cue + 1)
    if at >= len(state.items) or state.items[at].kind != "number" or not state.items[at].free:
        return None
    value = state.items[at].number or Decimal(0)
    money = state.items[at].unit == "$"
    used, end, high = [cue, at], at + 1, None
    if end < len(state.items) and state.items[end].lower.rstrip("s") in CURRENCIES:
        used.append(end)
        end, money = end + 1, True
    if item.cue == "range":
        joint = state.skip(end)
        second = state.skip(joint + 1)
        if (
            second >= len(state.items)
            or state.items[joint].lower not in ("and", "to")
            or state.items[second].kind != "number"
        ):
            return None
        high = state.items[second].number
        used += [joint, second]
        end, operator = second + 1, "between"
        behind = end + (end < len(state.items) and state.items[end].text == "(")
        if behind < len(state.items) and state.items[behind].lower in ("inclusive", "exclusive", "exclusively"):
            operator = "between" if state.items[behind].lower == "inclusive" else "within"
            used += [end, behind]
            end = behind + 1
        return _Number(operator, value, high, tuple(used), cue, end, money or state.items[second].unit == "$")
    return _Number(COMPARISONS[item.cue or ""], value, None, tuple(used), cue, end, money)


def is_range(state: State, index: int) -> bool:
    """Whether a number starts a range: "100 to 500", "from 3 to 5"."""
    joint = index + 1
    return (
        joint + 1 < len(state.items)
        and state.items[index].kind == "number"
        and not state.items[index].ordinal
        and state.items[joint].lower in ("to", "through", "until")
        and state.items[joint + 1].kind == "number"
        and state.items[joint + 1].free
    )


def _from_to(state: State, at: int) -> _Number | None:
    if not is_range(state, at):
        return None
    first, second = state.items[at], state.items[at + 2]
    start = at - 1 if at and state.items[at - 1].lower == "from" else at
    return _Number(
        "between", first.number or Decimal(0), second.number, (at, at + 1, at + 2), start, at + 3,
        "$" in (first.unit, second.unit),
    )  # fmt: skip


def _make(state: State, measure: Measure, number: _Number, used: tuple[int, ...]) -> Read:
    every = (*used, *number.used)
    state.compared = measure
    if measure.kind == "plain" and measure.ref is not None:
        _refuse_below(state, measure.ref)
        values = (number.value,) if number.high is None else (number.value, number.high)
        return Read(Predicate(measure.ref, number.operator, values), every)
    if number.operator == "within":
        raise Unsure("a range without its ends is read only for a column", 'Say "more than ... and less than ...".')
    return Read(Having(measure, number.operator, number.value, number.high), every)


def _refuse_below(state: State, ref: Ref) -> None:
    """ "products over 4 stars": of one review that the question does not name, or of all of them?"""
    subject = state.anchors[0] if state.anchors else None
    if subject is None or ref.table in state.anchors or ref.table == subject:
        return
    if state.lexicon.graph.up_distance(ref.table, subject):
        table = state.info(ref.table).table.name
        raise Unsure(
            f"whether {ref.column} of one or of all {table} is compared is not clear", 'Say "average" or "total".'
        )


def _right(state: State, number: _Number) -> Read | None:
    """more than 3 orders · at least 10 units in stock · more than 2 reviews"""
    at = (
        state.skip(number.end)
        if number.end < len(state.items) and state.items[number.end].lower in ("of", "different")
        else number.end
    )
    if state.cue(at) == "sum" and state.role(state.skip(at + 1)) == "table":
        state.use(at, why="comparison")  # "at least 5 total orders"
        at = state.skip(at + 1)
    distinct = state.cue(at) == "distinct"
    used: tuple[int, ...] = (at,) if distinct else ()
    at += distinct
    while at < len(state.items) and state.role(at) == "value" and state.role(at + 1) == "table":
        at += 1
    times = _times(state, number)
    if times is not None:
        return times
    if at >= len(state.items) or not state.items[at].free or number.money:
        return None
    if state.role(at) == "table" and not state.items[at].verb:
        refuse_items(state, at)
        table = state.table(at)
        subject = state.subject_table()
        column = count_column(state, at)
        if column is not None and column.table == subject and table == subject:
            return None
        following = at + 1
        if state.role(following) == "column" and not state.items[at].plural:
            return None
        return _make(state, Measure("count", table, distinct=distinct), number, (*used, at))
    column = count_column(state, at)
    if column is not None:
        return _make(state, Measure("plain", ref=column), number, (*used, at))
    if state.role(at) == "column" and state.items[at].plural and not distinct:
        try:
            ref = state.column(at, countable)
        except Unsure:
            try:
                ref = state.column(at)
            except Unsure:
                return None
            return _make(state, _different(state, ref), number, (*used, at))
        return _make(state, Measure("plain", ref=ref), number, (*used, at))
    if state.role(at) == "column" and distinct:
        ref = state.column(at)
        return _make(state, _different(state, ref), number, (*used, at))
    return None


def _different(state: State, ref: Ref) -> Measure:
    """The number of different values of a column; one row has only one of its own."""
    if ref.table == state.subject_table() or state.column_info(ref).kind in ("array", "json"):
        raise Unsure(f"how many {state.column_info(ref).name} one row has is not counted here")
    return Measure("count", ref.table, ref, distinct=True)


def _times(state: State, number: _Number) -> Read | None:
    """ordered more than once · borrowed at least 3 times"""
    written = {state.items[i].lower for i in number.used}
    used: tuple[int, ...] = ()
    if number.end < len(state.items) and state.items[number.end].lower in ("times", "time"):
        used = (number.end,)
    elif not written & {"once", "twice", "thrice"}:
        return None
    before = state.skip_back(number.first - 1)
    if before < 0 or not state.items[before].verb or state.role(before) != "table":
        return None
    return _make(state, Measure("count", state.table(before)), number, (before, *used))


def _left(state: State, number: _Number, near: int | None) -> Read | None:
    """rating above 4 · average price over 10 · total revenue of at least 1000 · spent more than 500"""
    before = number.first - 1
    passed: list[int] = []
    while before >= 0 and (state.items[before].kind in ("filler", "generic") or state.items[before].cue == "exactly"):
        passed.append(before)
        before -= 1
    told = next((at for at, (_, end) in state.formulas.items() if end == before + 1 and state.items[at].free), None)
    if told is not None:
        return _make(state, state.formulas[told][0], number, (told,))
    if before < 0 or not state.items[before].free:
        return None
    if state.items[before].lower in ("cost", "costs", "costing") and _is_verb(state, before):
        table = near if near is not None else state.subject_table()
        return (
            _make(state, Measure("plain", ref=_money(state, table)), number, (before,)) if table is not None else None
        )
    if state.items[before].verb and (ref := _of_verb(state, before, near)) is not None:
        return _make(state, Measure("plain", ref=ref), number, (before,))
    generic = tuple(i for i in passed if state.items[i].cue == "exactly" and i not in number.used)
    for start in range(max(0, before - 5), before + 1):
        if not state.items[start].free or state.items[start].kind == "filler":
            continue
        try:
            parsed = read_measure(state, start, bare=True)
        except Unsure:
            continue
        if parsed is not None and parsed.end == before + 1 and (parsed.used[0] == start):
            if parsed.measure.kind == "count" and len(parsed.used) == 1:
                break
            return _make(state, parsed.measure, number, (*parsed.used, *generic))
    if state.role(before) == "column":
        ref = state.column(before, lambda info: info.kind == "number", near)
        return _make(state, Measure("plain", ref=ref), number, (before, *generic))
    if state.role(before) == "table" and (number.money or _is_amount(state, before, number)):
        ref = _money(state, state.table(before))
        return _make(state, Measure("plain", ref=ref), number, generic)
    return None


def _of_verb(state: State, index: int, near: int | None) -> Ref | None:
    """ "suppliers rated above 4": the column `rating` of the rows themselves."""
    table = near if near is not None else state.subject_table()
    if table is None or len(state.items[index].stem) < 3:
        return None
    word = state.items[index].stem
    nouns = (word + "ing", word + "e", word + "t")
    found = [column for column in state.info(table).columns if countable(column) and column.own[-1] in nouns]
    return Ref(table, found[0].name) if len(found) == 1 else None


def _is_verb(state: State, index: int) -> bool:
    """ "products that cost", "items cost": not the noun in "the cost"."""
    before = index - 1
    return before >= 0 and (state.items[before].lower in ("that", "which", "who") or state.items[before].plural)


def _is_amount(state: State, before: int, number: _Number) -> bool:
    """ "orders over 1000": a bare number behind a sale is its amount."""
    bare = state.skip(number.end)
    ends = (
        bare >= len(state.items)
        or state.items[bare].kind in ("symbol", "period")
        or state.items[bare].lower in ("in", "from", "by")
    )
    return ends and number.operator in (">", ">=", "<", "<=", "between") and is_sale(state.info(state.table(before)))


def _by_property(state: State, cue: int, number: _Number, near: int | None) -> Read | None:
    """cheaper than 20 · products that cost more than 50 · orders over $100"""
    words = state.items[cue].lower
    before = state.skip_back(number.first - 1)
    verb = before >= 0 and state.items[before].lower in ("cost", "costs", "costing", "priced", "worth")
    table = near if near is not None else state.subject_table()
    if table is None or not (words in _PRICE_WORDS or verb or number.money):
        return None
    ref = _money(state, table)
    return _make(state, Measure("plain", ref=ref), number, (before,) if verb else ())


def property_of(state: State, cue: int) -> Ref | None:
    """The column that an adjective or a verb around an operator means: "heavier than", "cost more than"."""
    table = state.subject_table()
    before = state.skip_back(cue - 1)
    words = state.items[cue].lower
    verb = state.items[before].lower if before >= 0 else ""
    if table is None:
        return None
    if words in _PRICE_WORDS or verb in ("cost", "costs", "costing", "priced"):
        return _money(state, table)
    wanted = _ADJECTIVES.get(words.split()[0]) or _ADJECTIVES.get(verb)
    if wanted is None:
        return None
    for word in wanted:
        found = [column for column in state.info(table).columns if countable(column) and word in column.words]
        if len(found) == 1:
            return Ref(table, found[0].name)
    return None


def _by_size(state: State, cue: int, number: _Number, near: int | None) -> Read | None:
    """ "heavier than 500": the one column of that property."""
    table = near if near is not None else state.subject_table()
    wanted = _SIZES.get(state.items[cue].lower.split()[0])
    if table is None or wanted is None:
        return None
    found = [column for column in state.info(table).columns if countable(column) and set(wanted) & set(column.words)]
    if len(found) != 1:
        return None
    unit = singular(state.items[number.end].lower) if number.end < len(state.items) else ""
    kept = next((word for word in found[0].words if word in _SECONDS), None)
    used: tuple[int, ...] = ()
    if unit in _SECONDS:
        if kept is None:
            return None
        number = replace(number, value=number.value * _SECONDS[unit] / _SECONDS[kept])
        used = (number.end,)
    return _make(state, Measure("plain", ref=Ref(table, found[0].name)), number, used)


def _money(state: State, table: int) -> Ref:
    """The one column that says what a row of the table costs."""
    info = state.info(table)
    columns = [column for column in info.columns if column.money]
    for word in ("total", "price", "amount", "cost"):
        named = [column for column in columns if word in column.words]
        if len(named) > 1:
            exact = [
                column
                for column in named
                if len(column.own) == 1 or column.own[0] in ("grand", "total", "list", "unit", "sale")
            ]
            named = exact if len(exact) == 1 else named
        if len(named) == 1:
            return Ref(table, named[0].name)
        if len(named) > 1:
            names = " or ".join(column.name for column in named[:3])
            raise Unsure(f"the amount could mean {names}", "Name the column.")
    if len(columns) == 1:
        return Ref(table, columns[0].name)
    raise Unsure(f"{info.table.name} has no column for an amount of money")
