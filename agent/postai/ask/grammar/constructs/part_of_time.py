"""on Mondays · on weekends · after 6 pm · between 8 am and 10 am · in March of any year"""

from __future__ import annotations

from postai.ask.grammar.dating import date_column, refuse_days, weekday_column
from postai.ask.grammar.draft import Predicate, Ref, Unsure
from postai.ask.grammar.state import State
from postai.language.dates import WEEKDAYS
from postai.language.words import stem

_STARTS = frozenset(map(stem, ("start", "begin", "began", "begun", "open", "depart", "leave", "kick")))
_ENDS = frozenset(map(stem, ("end", "finish", "close", "arrive")))
_DAYS = {day: (number,) for number, day in enumerate(WEEKDAYS, start=1)}
_SETS = {"weekend": (6, 7), "weekday": (1, 2, 3, 4, 5), "workday": (1, 2, 3, 4, 5), "business day": (1, 2, 3, 4, 5)}


def apply(state: State) -> None:
    for index in range(len(state.items)):
        if state.items[index].free:
            _weekday(state, index)
    for index in range(len(state.items)):
        if state.items[index].free and state.word(index) in ("pm", "am", "oclock", "o'clock"):
            _hour(state, index)


def _weekday(state: State, index: int) -> None:
    item = state.items[index]
    word = item.lower.removesuffix("s")
    days = _DAYS.get(word) or _SETS.get(word)
    before = state.word(index - 1) if index else ""
    if days is None or item.period is not None or state.role(index) == "value":
        return
    if item.bucket and before not in ("on", "during", "at", "over"):
        return
    if not item.lower.endswith("s") and before not in ("on", "a", "every", "during"):
        return
    more = list(days)
    used = [index]
    at = index + 1
    while at + 1 < len(state.items) and (state.items[at].text == "," or state.cue(at) in ("and", "or")):
        following = at + 1
        if state.word(following) in ("on", "and", "or"):
            following += 1
        extra = _DAYS.get(state.word(following).removesuffix("s"))
        if extra is None:
            break
        more += extra
        used += range(at, following + 1)
        at = following + 1
    for position in used:
        state.items[position].used = "weekday"
    predicate = _on(state, tuple(dict.fromkeys(more)))
    denied = state.skip_back(index - 1)
    if denied >= 0 and state.cue(denied) == "not":
        state.use(denied, why="weekday")
        predicate = Predicate(predicate.ref, predicate.operator, predicate.values, negated=True)
    state.become_condition(index, predicate)


def _on(state: State, days: tuple[int, ...]) -> Predicate:
    """A condition on the weekday of the date of the rows, or on a column that holds names of weekdays."""
    names = {WEEKDAYS[day - 1] for day in days}
    for table in state.anchors:
        ref = weekday_column(state, table)
        if ref is not None:
            held = list(state.lexicon.stored[ref.table, ref.column].values())
            values = tuple(_written(day, held) for day in WEEKDAYS if day in names)
            return Predicate(ref, "in", values)
    return Predicate(_date(state), "weekday", days)


def _written(day: str, held: list[str]) -> str:
    """A weekday as the column writes it, also one that no row of the sample has."""
    known = next((value for value in held if value.lower()[:3] == day[:3]), None)
    if known is not None:
        return known
    short = day[: len(held[0])] if len(held[0]) < 5 else day
    return short.upper() if held[0].isupper() else short.capitalize() if held[0][0].isupper() else short


def _date(state: State) -> Ref:
    """The date of the rows that the question is about."""
    subject = state.subject_table()
    tables = [table for table in state.anchors if state.info(table).is_event] or [
        table for table in (subject, *state.anchors) if table is not None
    ]
    if not tables:
        raise Unsure("what happened then is not clear")
    found = date_column(state, tables[0])
    refuse_days(found, "weekday")
    return found


def _hour(state: State, index: int) -> None:
    """after 6 pm · before 9 am · between 8 am and 10 am"""
    hour = _clock(state, index)
    if hour is None:
        return
    value, first = hour
    lead = state.word(first - 1) if first else ""
    second = next(
        (
            at
            for at in range(index + 1, min(index + 5, len(state.items)))
            if state.word(at) in ("pm", "am") and state.items[at].free
        ),
        None,
    )
    ref = _time_column(state, first) or _date(state)
    if state.column_info(ref).kind == "date":
        raise Unsure(f"{ref.column} holds days without a time")
    if lead in ("between", "from") and second is not None and (until := _clock(state, second)) is not None:
        hours = tuple(range(value, until[0]))
        state.use(*range(first - 1, second + 1), why="hour")
    elif lead in ("after", "since", "from") and value > 0:
        hours = tuple(range(value, 24))
        state.use(*range(first - 1, index + 1), why="hour")
    elif lead == "before" and value > 0:
        hours = tuple(range(value))
        state.use(*range(first - 1, index + 1), why="hour")
    else:
        return
    if not hours:
        raise Unsure("that time of the day is not clear")
    state.become_condition(index, Predicate(ref, "hour", hours))


def _time_column(state: State, index: int) -> Ref | None:
    """The column of times of the day of the first noun that has one: the only one, or what starts or ends then."""
    for table in state.anchors:
        times = [column for column in state.info(table).columns if column.kind == "time"]
        for verb in range(index - 1, max(index - 5, -1), -1):
            word = stem(state.word(verb))
            same = next((words for words in (_STARTS, _ENDS) if word in words), frozenset({word}))
            meant = [one for one in times if len(word) > 3 and any(part.startswith(word) for part in one.words)]
            meant = meant or [column for column in times if same & {stem(part) for part in column.words}]
            if len(meant) == 1:
                if state.items[verb].free:
                    state.use(verb, why="hour")
                return Ref(table, meant[0].name)
        if len(times) == 1:
            return Ref(table, times[0].name)
    return None


def _clock(state: State, index: int) -> tuple[int, int] | None:
    """(full hour of the day, first item) of "6 pm"; None = minutes are named too, or no hour."""
    at = index - 1
    number = state.items[at].number if at >= 0 and state.items[at].kind == "number" else None
    if number is None or number != int(number) or not 0 <= number <= 24:
        return None
    hour = int(number)
    if at and state.items[at - 1].text == ":":
        return None
    if state.word(index) == "pm" and hour < 12:
        hour += 12
    if state.word(index) == "am" and hour == 12:
        hour = 0
    return hour, at
