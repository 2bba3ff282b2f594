"""Says in English what a statement gives, and what was assumed."""

from __future__ import annotations

from postai.ask.grammar.draft import Absence, Draft, Having, Key, Measure, OrderBy, Predicate, Ref
from postai.ask.grammar.expressions import PARTS_OF_TIME
from postai.ask.grammar.state import State

_OPERATORS = {">": "above", ">=": "at least", "<": "below", "<=": "at most", "<>": "other than", "=": "exactly"}
_FUNCTION_WORDS = {
    "sum": "the total", "avg": "the average", "min": "the lowest", "max": "the highest", "plain": "the total",
    "stddev": "the standard deviation of", "variance": "the variance of",
}  # fmt: skip
_WINDOW_WORDS = {
    "running": "the running total of the {}", "rank": "the rank by the {}", "share": "the part of all of the {}",
    "percent": "the percentage of all of the {}", "change": "the change of the {} to the period before",
    "growth": "the growth of the {} over the period before, in percent", "previous": "the {} of the period before",
    "moving": "the moving average of the {}",
}  # fmt: skip


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
    conditions += [
        f"they are {'' if plays else 'not '}a {state.info(role).noun} of some row" for role, plays in draft.plays
    ]
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
    text = _bare_measure(state, measure)
    conditions = [
        _absence(state, one) if isinstance(one, Absence) else _predicate(state, one) for one in measure.only
    ]  # fmt: skip
    if not conditions:
        return text
    return f"{text} where {' and '.join(conditions)}".replace("where without", "without")


def _bare_measure(state: State, measure: Measure) -> str:
    if measure.named is not None:
        return f"the number of {state.info(measure.named).title}"
    if measure.kind == "count":
        what = state.info(measure.table or 0).title
        if measure.ref is not None:
            what = f"different {measure.ref.column} of {what}"
        return f"the number of {what}"
    word = _FUNCTION_WORDS.get(measure.function, f"the {measure.function}")
    if measure.kind == "nested":
        each = _key(state, measure.per) if measure.per is not None else "row"
        return f"{word} {_measure(state, measure.parts[0]).removeprefix('the ')} per {each}"
    if measure.kind == "formula":
        joint = {"/": "divided by", "%": "as a percentage of", "-": "minus", "+": "plus"}[measure.operator]
        return f" {joint} ".join(_measure(state, part) for part in measure.parts)
    if measure.kind == "window":
        return _WINDOW_WORDS[measure.operator].format(_measure(state, measure.parts[0]).removeprefix("the "))
    if measure.ref is None:
        return f"{word} {measure.concept or 'quantity'}"
    return f"{word} {state.info(measure.ref.table).title}.{measure.ref.column}"


def _predicate(state: State, predicate: Predicate) -> str:
    name = f"{state.info(predicate.ref.table).title}.{predicate.ref.column}"
    if predicate.operator == "period" and predicate.period is not None:
        return f"{name} is in: {predicate.period.text}"
    if predicate.operator == "null":
        return f"{name} is {'not ' if predicate.negated else ''}missing"
    if predicate.against is not None:
        return f"{name} is {_OPERATORS[predicate.operator]} {_measure(state, predicate.against)} of all"
    if predicate.other is not None:
        other = f"{state.info(predicate.other.table).title}.{predicate.other.column}"
        other = f"{predicate.factor} times {other}" if predicate.factor is not None else other
        unit = predicate.operator.removeprefix("same ")
        if unit != predicate.operator:
            return f"{name} is in the same {unit} as {other}"
        denied = "not " if predicate.negated else ""
        return f"{name} is {denied}{_OPERATORS[predicate.operator]} {other}" + (
            f" and {predicate.offset}" if predicate.offset else ""
        )
    if predicate.operator in PARTS_OF_TIME:
        return f"the {predicate.operator} of {name} is {', '.join(str(value) for value in predicate.values)}"
    all_of = predicate.joint and state.column_info(predicate.ref).kind == "array"
    values = (" and " if all_of else " or ").join(str(value) for value in predicate.values)
    word = "is not" if predicate.negated else "is"
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
    value = str(having.value)
    if isinstance(having.value, Measure):
        value = f"{_measure(state, having.value)} of all"
    elif isinstance(having.value, Ref):
        value = f"{state.info(having.value.table).title}.{having.value.column}"
    return f"{_measure(state, having.measure)} is {_OPERATORS[having.operator]} {value}"


def _order(state: State, order: OrderBy) -> str:
    direction = "highest first" if order.descending else "lowest first"
    if order.measure is not None:
        return f"by {_measure(state, order.measure).removeprefix('the ')}, {direction}"
    if order.ref is not None:
        return f"by {state.info(order.ref.table).title}.{order.ref.column}, {direction}"
    return direction if not order.key else "by name"
