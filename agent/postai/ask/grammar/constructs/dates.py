"""delivered after the promised date · within 3 days of ordering · in the month they signed up in · older than 50"""

from __future__ import annotations

from decimal import Decimal

from postai.ask.grammar.constructs.span import unit_of
from postai.ask.grammar.cues import COMPARISONS
from postai.ask.grammar.draft import Key, Predicate, Ref, Unsure
from postai.ask.grammar.moments import mark_moment, moment, moment_before, near_tables
from postai.ask.grammar.state import State
from postai.language.computed import formula

_AFTER = frozenset({"after", "later than", "past", "following"})
_BEFORE = frozenset({"before", "earlier than", "prior to", "ahead of"})
_DUE = frozenset({"due", "promised", "expected", "scheduled", "deadline", "estimated", "planned", "required", "target"})
_DONE = frozenset({"delivered", "returned", "paid", "completed", "arrived", "received", "actual", "shipped", "finished",
                   "closed", "delivery", "return", "arrival", "resolved", "ended", "checkin", "done"})  # fmt: skip


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if not item.free:
            continue
        if item.lower == "same":
            _same(state, index)
        elif item.lower in ("after", "before", "of", "later", "earlier", "past", "prior", "from"):
            _beside(state, index)
        elif item.lower in ("older", "younger", "aged") or item.lower == "old":
            _age(state, index)
        elif item.lower == "late" or (item.lower == "time" and index and state.word(index - 1) == "on"):
            _late(state, index)


def _same(state: State, index: int) -> None:
    """in the same month as they signed up · on the same day as the order"""
    unit = unit_of(state, index + 1)
    if unit not in ("day", "week", "month", "year") and state.word(index + 1) != "quarter":
        return
    unit = unit or "quarter"
    at = index + 2
    if at < len(state.items) and state.word(at) in ("as", "that", "when", "they", "of", "in", "it"):
        at += 1
    left = moment_before(state, index)
    end = next((i for i in range(at, state.sentence_end(at)) if _closes(state, i)), state.sentence_end(at))
    if left is None:
        return
    tables = [*near_tables(state, len(state.items))]
    right = moment(state, at, end, [left.table, *tables])
    if right is None or right == left:
        right = moment(state, at, end, [table for table in tables if table != left.table])
    if right is None or right == left or (left.table != right.table and not _reaches(state, left, right)):
        return
    mark_moment(state, index)
    for position in range(index, end):
        if state.items[position].free and not (state.role(position) == "table" and not state.items[position].verb):
            state.items[position].used = "moment"
    state.become_condition(index, Predicate(left, f"same {unit}", other=right))


def _reaches(state: State, left: Ref, right: Ref) -> bool:
    return bool(state.lexicon.graph.up_paths(left.table, right.table))


def _closes(state: State, at: int) -> bool:
    if state.word(at) == "to" and any(item.cue == "ratio" for item in state.items[:at]):
        return True  # "ratio of payments made after the due date to all payments"
    return state.cue(at) in ("each", "by", "order by", "top", "and") or state.items[at].text in (",", "?", ".", "(")


def _beside(state: State, index: int) -> None:
    """after the promised date · more than 3 days after the promised date · within 2 days of being bought"""
    word = state.word(index)
    end = next((i for i in range(index + 1, state.sentence_end(index)) if _closes(state, i)), state.sentence_end(index))
    distance = _distance(state, index)
    if word in ("of", "from") and (distance is None or distance[0] != "<="):
        return
    first = distance[3] if distance is not None else index
    left = moment_before(state, first)
    if left is None:
        return
    tables = near_tables(state, index)
    right = moment(state, index + 1, end, [left.table, *tables])
    if right == left:
        right = moment(state, index + 1, end, [table for table in tables if table != left.table])
    if right is None or right == left or (left.table != right.table and not _reaches(state, left, right)):
        return
    found = _predicates(left, right, word, distance)
    verb = state.skip_back(first - 1)
    denied = state.skip_back(verb - 1)
    if denied >= 0 and state.cue(denied) == "not":
        raise Unsure("whether what never happened counts too is not clear", "Ask for what happened later, or for none.")
    mark_moment(state, first)
    for position in range(first, end):
        if state.items[position].free:
            state.items[position].used = "moment"
    state.become_condition(index, *found)


def _predicates(left: Ref, right: Ref, word: str, distance: tuple[str, Decimal, str, int] | None) -> list[Predicate]:
    before = word in ("before", "earlier", "prior")
    if distance is None:
        return [Predicate(left, "<" if before else ">", other=right)]
    operator, number, unit, _ = distance
    size = f"{int(number)} {unit}{'s' if number != 1 else ''}"
    if before:
        turned = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "=": "="}[operator]
        found = [Predicate(left, turned, other=right, offset="-" + size)]
        return found if operator in (">", ">=", "=") else [Predicate(left, "<=", other=right), *found]
    found = [Predicate(left, operator, other=right, offset=size)]
    return found if operator in (">", ">=", "=") else [Predicate(left, ">=", other=right), *found]


def _distance(state: State, index: int) -> tuple[str, Decimal, str, int] | None:
    """(operator, number, unit, first item) of what stands before "after": "more than 3 days"."""
    unit_at = index - 1
    unit = unit_of(state, unit_at)
    if not unit or state.items[unit_at - 1].kind != "number" or unit_at < 1:
        return None
    number = state.items[unit_at - 1].number or Decimal(0)
    lead = unit_at - 2
    if number != int(number):
        return None
    if lead >= 0 and state.word(lead) == "within":
        return "<=", number, unit, lead
    operator = COMPARISONS.get(state.cue(lead) or "") if lead >= 0 else None
    if operator is None:
        return "=", number, unit, unit_at - 1
    return operator, number, unit, lead


def _late(state: State, index: int) -> None:
    """late: done after the date on which it was due; on time: not later than it"""
    for table in near_tables(state, index):
        dates = [column for column in state.info(table).columns if column.is_date]
        due = [column for column in dates if _DUE & set(column.words)]
        done = [column for column in dates if _DONE & set(column.words) and column not in due]
        if len(due) != 1 or len(done) != 1:
            continue
        left, right = Ref(table, done[0].name), Ref(table, due[0].name)
        operator = ">" if state.word(index) == "late" else "<="
        state.draft.assumptions.append(
            f"{'late' if operator == '>' else 'on time'} means that {left.column} is "
            f"{'after' if operator == '>' else 'not after'} {right.column}"
        )
        state.draft.confidence = min(state.draft.confidence, 0.85)
        mark_moment(state, index)
        if operator == "<=":
            state.use(index - 1, why="late")
        state.become_condition(index, Predicate(left, operator, other=right))
        return


def _age(state: State, index: int) -> None:
    """older than 50 · under 30 years old · aged 18 or more"""
    item = state.items[index]
    tables = near_tables(state, index)
    ages = {
        sense.table: sense.column
        for sense in state.lexicon.senses("age")
        if sense.kind == "column" and sense.column and state.lexicon.column(sense.table, sense.column).kind == "number"
    }
    table = next((table for table in tables if table in ages), None)
    if table is None:
        return
    ref = Ref(table, ages[table] or "")
    if item.lower == "old":
        _years_old(state, index, ref)
        return
    following = index + 1
    if item.lower == "aged":
        state.become_column(index, ref)
        return
    if state.word(following) != "than" or state.items[following + 1].kind != "number":
        return
    number = state.items[following + 1].number or Decimal(0)
    state.use(index, following, following + 1, why="age")
    if unit_of(state, following + 2) == "year":
        state.use(following + 2, why="age")
    if following + 3 < len(state.items) and state.word(following + 3) in ("old", "of age"):
        state.use(following + 3, why="age")
    operator = ">" if item.lower == "older" else "<"
    state.become_condition(index, Predicate(ref, operator, (number,)))
    if (found := formula(ref.column)) is not None:
        state.draft.assumptions.append(f"ages are full years since {found.left}")


def _years_old(state: State, index: int, ref: Ref) -> None:
    """how old is · over 30 years old"""
    if index and state.word(index - 1) == "how":
        state.become_column(index, ref)
        if not any(state.items[i].superlative or state.cue(i) == "avg" for i in range(len(state.items))):
            state.draft.subject = Key(table=ref.table)
            state.draft.with_subject = True
        return
    at = index - 1
    if unit_of(state, at) == "year":
        at -= 1
    lead = at - 1
    if at < 1 or state.items[at].kind != "number" or not state.items[at].free:
        return
    operator = COMPARISONS.get(state.cue(lead) or "", "=")
    found = Predicate(ref, operator, (state.items[at].number or Decimal(0),))
    state.use(*range(at, index + 1), why="age")
    state.become_condition(index, found)
    if operator != "=" or state.cue(lead) == "exactly":
        state.use(lead, why="age")
