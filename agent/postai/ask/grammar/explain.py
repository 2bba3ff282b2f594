"""Says in English what a statement gives, and what was assumed."""

from __future__ import annotations

from postai.ask.grammar.draft import Absence, Draft, Having, Key, Measure, OrderBy, Predicate
from postai.ask.grammar.state import State

_OPERATORS = {">": "above", ">=": "at least", "<": "below", "<=": "at most", "<>": "other than", "=": "exactly"}


def explain(state: State) -> str:
    """One or two sentences: what is shown, of which rows, in which order; then the assumptions."""
    draft = state.draft
    parts = [_head(state, draft)]
    grouped: dict[int, list[str]] = {}
    conditions = []
    for predicate in draft.predicates:
        if predicate.group is None:
            conditions.append(_predicate(state, predicate))
        else:
            grouped.setdefault(predicate.group, []).append(_predicate(state, predicate))
    conditions += [" or ".join(parts) for parts in grouped.values()]
    conditions += [_having(state, having) for having in draft.havings]
    conditions += [_absence(state, absence) for absence in draft.absences]
    if conditions:
        parts.append(("where " + " and ".join(conditions)).replace("where without", "without"))
    groups = [_key(state, key) for key in draft.groups]
    if groups and draft.limit is None:
        parts.append("for each " + " and ".join(groups))
    sentence = " ".join(part for part in parts if part)
    orders = [order for order in draft.orders if not (order.what and len(draft.orders) > 1)]
    if orders:
        sentence += ", " + ", then ".join(_order(state, order) for order in orders)
    sentence = sentence[:1].upper() + sentence[1:] + "."
    notes = list(dict.fromkeys(draft.assumptions))
    return sentence + (" Assumed: " + "; ".join(notes) + "." if notes else "")


def _head(state: State, draft: Draft) -> str:
    if draft.ratio is not None:
        table = draft.ratio.numerator.table or 0
        part = " and ".join(_predicate(state, p) for p in draft.ratio.numerator.only)
        whole = " and ".join(_predicate(state, p) for p in draft.ratio.denominator.only)
        word = "the percentage" if draft.ratio.percent else "the ratio"
        name = state.info(table).title
        return f"{word} of {name} where {part} to {name}" + (f" where {whole}" if whole else " as a whole")
    if draft.measures:
        measures = " and ".join(_measure(state, measure) for measure in draft.measures)
        if draft.limit is not None and draft.groups:
            each = " for each " + " and ".join(_key(state, key) for key in draft.partition) if draft.partition else ""
            keys = " and ".join(_key(state, key) for key in draft.groups)
            return f"{_rows(draft)} of {keys} with {measures}{each}"
        return measures
    subject = draft.subject
    if subject is None:
        return "the rows"
    what = _key(state, subject)
    each = " for each " + " and ".join(_key(state, key) for key in draft.partition) if draft.partition else ""
    return f"{_rows(draft)} of {what}{each}" if draft.limit is not None else what


def _rows(draft: Draft) -> str:
    """Which rows are shown of all that are ordered."""
    if draft.offset:
        return f"number {draft.offset + 1}"
    return f"the first {draft.limit}"


def _key(state: State, key: Key) -> str:
    if key.bucket is not None:
        return key.bucket
    if key.ref is not None:
        return f"{state.info(key.ref.table).title}.{key.ref.column}"
    return state.info(key.table or 0).title


def _measure(state: State, measure: Measure) -> str:
    if measure.named is not None:
        return f"the number of {state.info(measure.named).title}"
    if measure.kind == "count":
        what = state.info(measure.table or 0).title
        if measure.ref is not None:
            what = f"different {measure.ref.column} of {what}"
        return f"the number of {what}"
    if measure.kind == "nested":
        return f"the average number of {state.info(measure.table or 0).title} per {state.info(measure.per or 0).noun}"
    word = {
        "sum": "the total",
        "avg": "the average",
        "min": "the lowest",
        "max": "the highest",
        "plain": "the total",
    }.get(measure.function, f"the {measure.function}")
    if measure.since and measure.ref is not None:
        table = state.info(measure.ref.table).title
        return f"{word} time from {table}.{measure.since} to {measure.ref.column}"
    if measure.ref is None:
        return f"{word} {measure.concept or 'quantity'}"
    return f"{word} {state.info(measure.ref.table).title}.{measure.ref.column}"


def _predicate(state: State, predicate: Predicate) -> str:
    name = f"{state.info(predicate.ref.table).title}.{predicate.ref.column}"
    if predicate.operator == "period" and predicate.period is not None:
        return f"{name} is in: {predicate.period.text}"
    if predicate.operator == "null":
        return f"{name} is {'not ' if predicate.negated else ''}missing"
    all_of = predicate.joint and state.column_info(predicate.ref).kind == "array"
    values = (" and " if all_of else " or ").join(str(value) for value in predicate.values)
    word = "is not" if predicate.negated else "is"
    if predicate.other is not None:
        other = f"{state.info(predicate.other.table).title}.{predicate.other.column}"
        return f"{name} is {'not ' if predicate.negated else ''}{_OPERATORS[predicate.operator]} {other}"
    if predicate.operator in ("starts", "ends", "contains"):
        verb = {"starts": "starts with", "ends": "ends with", "contains": "contains"}[predicate.operator]
        return f"{name} {'never ' if predicate.negated else ''}{verb} {values}"
    if predicate.operator == "within":
        return f"{name} is between {predicate.values[0]} and {predicate.values[1]}, without them"
    if predicate.operator == "between":
        return f"{name} is from {predicate.values[0]} to {predicate.values[1]}"
    if predicate.operator in ("=", "in"):
        return f"{name} {word} {values}"
    return f"{name} is {_OPERATORS[predicate.operator]} {values}"


def _absence(state: State, absence: Absence) -> str:
    conditions = ", ".join(_predicate(state, predicate) for predicate in absence.predicates)
    return f"without any {state.info(absence.table).title}" + (f" ({conditions})" if conditions else "")


def _having(state: State, having: Having) -> str:
    if having.high is not None:
        return f"{_measure(state, having.measure)} is from {having.value} to {having.high}"
    return f"{_measure(state, having.measure)} is {_OPERATORS[having.operator]} {having.value}"


def _order(state: State, order: OrderBy) -> str:
    direction = "highest first" if order.descending else "lowest first"
    if order.measure is not None:
        return f"by {_measure(state, order.measure).removeprefix('the ')}, {direction}"
    if order.ref is not None:
        return f"by {state.info(order.ref.table).title}.{order.ref.column}, {direction}"
    return direction if not order.key else "by name"
