"""Date expressions of a question as half-open periods.

Relative expressions stay relative to `current_date` in SQL, so that a stored statement does not go stale; their exact
meaning is in `Period.text` for the explanation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from postai.language.numbers import NUMBER_WORDS
from postai.language.tokens import Token

UNITS = ("minute", "hour", "day", "week", "month", "quarter", "year")

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
            "september sep sept", "october oct", "november nov", "december dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a period: a fixed day, or an SQL expression of type timestamptz relative to today."""

    day: date | None = None
    relative: str = ""
    moment: str = ""


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open period: start <= moment < end.

    Attributes:
        start: None = since ever.
        end: None = open.
        text: its meaning in words.
        year: set when the period is one calendar year, or a month of it.
        month: set (1 to 12) when the period is one calendar month.
        certain: False where another meaning is about as likely.
    """

    start: Bound | None
    end: Bound | None
    text: str
    year: int | None = None
    month: int | None = None
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """A period and the index of the first token behind it."""

    period: Period
    end: int


def _trunc(unit: str, steps: int = 0) -> Bound:
    """The start of the current unit, moved by `steps` units."""
    base = f"date_trunc('{unit}', current_date)" if unit != "day" else "current_date"
    if not steps:
        return Bound(relative=base)
    size, name = (abs(steps) * 3, "month") if unit == "quarter" else (abs(steps), unit)
    return Bound(relative=f"{base} {'-' if steps < 0 else '+'} interval '{size} {name}{'s' if size != 1 else ''}'")


def _back(number: int, unit: str) -> Bound:
    size, name = (number * 3, "month") if unit == "quarter" else (number, unit)
    plural = "s" if size != 1 else ""
    if unit in ("hour", "minute"):
        return Bound(relative=f"now() - interval '{size} {name}{plural}'")
    return Bound(relative=f"current_date - interval '{size} {name}{plural}'")


_TOMORROW = Bound(relative="current_date + interval '1 day'")


def _calendar(unit: str, offset: int) -> Period:
    """The current (0), previous (-1) or next (1) calendar unit."""
    which = {0: "this", -1: "last", 1: "next"}.get(offset, f"{offset}")
    meaning = {0: "the current", -1: "the previous", 1: "the next"}.get(offset, f"{offset}")
    return Period(_trunc(unit, offset), _trunc(unit, offset + 1), f'"{which} {unit}" is {meaning} calendar {unit}')


_EXCLUDING = (
    "not including the current", "excluding the current", "exclusive of the current", "not counting the current",
    "not including this", "excluding this", "before this", "before the current",
)  # fmt: skip


class _Reader:
    """A small recursive descent reader over the tokens from one position on."""

    def __init__(self, tokens: Sequence[Token], at: int, today: date) -> None:
        self.tokens, self.at, self.today = tokens, at, today

    def word(self, ahead: int = 0) -> str:
        index = self.at + ahead
        if index >= len(self.tokens) or self.tokens[index].kind == "quoted":
            return ""
        return self.tokens[index].lower

    def noun(self, ahead: int = 0) -> str:
        index = self.at + ahead
        if index >= len(self.tokens) or self.tokens[index].kind == "quoted":
            return ""
        return self.tokens[index].noun

    def integer(self, ahead: int = 0) -> int | None:
        index = self.at + ahead
        if index >= len(self.tokens):
            return None
        token = self.tokens[index]
        if token.kind == "number" and token.number == int(token.number or 0) and not token.unit:
            return int(token.number or 0)
        return None

    def take(self, *phrases: str) -> str | None:
        """Step over the first of the phrases that comes next."""
        for phrase in phrases:
            words = phrase.split()
            if all(self.word(ahead) == word for ahead, word in enumerate(words)):
                self.at += len(words)
                return phrase
        return None

    # -- fixed days, months, years ------------------------------------------------------------------------------

    def year_number(self, ahead: int = 0) -> int | None:
        number = self.integer(ahead)
        text = self.word(ahead)
        return number if number is not None and 1900 <= number <= 2100 and len(text) == 4 else None

    def fixed(self) -> Period | None:
        """2025-03-01, March 1 2025, 1st of March 2025, March 2025, Q1 2025, 2025, the year 2025."""
        start = self.at
        self.take("the")
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if token is not None and token.kind == "date" and token.day is not None:
            self.at += 1
            return _day(token.day)
        if self.take("year of", "year", "calendar year") and (year := self.year_number()) is not None:
            self.at += 1
            return _year(year)
        if (part := self._quarter() or self._half()) is not None:
            return part
        if (named := self._named_month()) is not None:
            return named
        if (year := self.year_number()) is not None:
            self.at += 1
            return _year(year)
        self.at = start
        return None

    def _quarter(self) -> Period | None:
        start, number = self.at, None
        word = self.word()
        if len(word) == 2 and word[0] == "q" and word[1] in "1234":
            number, self.at = int(word[1]), self.at + 1
        elif self.noun(1) == "quarter" and (token := self.tokens[self.at]).kind in ("ordinal", "word"):
            ordinal = (
                int(token.number) if token.kind == "ordinal" and token.number else {"first": 1, "last": 4}.get(word)
            )
            if ordinal in (1, 2, 3, 4) and self.word(2) in ("of", "in"):
                number, self.at = ordinal, self.at + 2
        if number is None:
            return None
        self.take("of", "in")
        self.take("the year")
        if (year := self.year_number()) is None:
            self.at = start
            return None
        self.at += 1
        first = date(year, number * 3 - 2, 1)
        return Period(Bound(first), Bound(_add_months(first, 3)), f"quarter {number} of {year}")

    def _half(self) -> Period | None:
        """first half of 2024, H2 2023, the second half of last year"""
        start, word = self.at, self.word()
        number = {"h1": 1, "h2": 2}.get(word)
        if number is not None:
            self.at += 1
        elif word in ("first", "second") and self.word(1) == "half" and self.word(2) in ("of", "in"):
            number, self.at = (1 if word == "first" else 2), self.at + 3
        if number is None:
            return None
        self.take("of", "in")
        self.take("the year")
        year = self.year_number()
        if year is not None:
            self.at += 1
        elif self.take("this year", "the current year"):
            year = self.today.year
        elif self.take("last year", "the previous year"):
            year = self.today.year - 1
        if year is None:
            self.at = start
            return None
        first = date(year, 6 * number - 5, 1)
        return Period(Bound(first), Bound(_add_months(first, 6)), f"half {number} of {year}")

    def _named_month(self) -> Period | None:
        start = self.at
        day: int | None = None
        if self.at >= len(self.tokens):
            return None
        if self.tokens[self.at].kind in ("ordinal", "number") and self.at + 1 < len(self.tokens):
            number = int(self.tokens[self.at].number or 0)
            if 1 <= number <= 31 and (self.word(1) in MONTHS or (self.word(1) == "of" and self.word(2) in MONTHS)):
                day, self.at = number, self.at + 1
                self.take("of")
        month = MONTHS.get(self.word())
        if month is None or (self.word() in ("may", "mar", "sep", "dec", "jan") and not self._month_is_meant(day)):
            self.at = start
            return None
        self.at += 1
        if day is None and self.at < len(self.tokens) and self.year_number() is None:
            written = self.tokens[self.at].number
            if self.tokens[self.at].kind in ("ordinal", "number") and written is not None and 1 <= written <= 31:
                day, self.at = int(written), self.at + 1
        before_year = self.at
        self.take(",")
        if day is None and self.take(
            "of any year", "in any year", "of every year", "of each year", "in every year", "in each year",
            "of all years", "across all years", "regardless of the year", "regardless of year", "any year",
        ):  # fmt: skip
            return Period(None, None, f"{date(2000, month, 1):%B} of any year", month=month)
        self.at = before_year
        self.take(",")
        self.take("of")
        year = self.year_number()
        if year is not None:
            self.at += 1
        else:
            self.at = before_year
            if self.take("this year", "of this year"):
                year = self.today.year
            elif self.take("last year", "of last year"):
                year = self.today.year - 1
        if day is None:
            return _month(year, month, self.today)
        try:
            return _day(date(year if year is not None else self.today.year, month, day))
        except ValueError:
            self.at = start
            return None

    def _month_is_meant(self, day: int | None) -> bool:
        token = self.tokens[self.at]
        return day is not None or token.capital or self.year_number(1) is not None

    # -- relative to today --------------------------------------------------------------------------------------

    def relative(self) -> Period | None:
        """today, yesterday, last month, this year, the last 3 months, the past week, year to date."""
        start = self.at
        self.take("the")
        if self.take("today"):
            return Period(_trunc("day"), _TOMORROW, '"today" is the current date')
        if self.take("yesterday"):
            return Period(_trunc("day", -1), _trunc("day"), '"yesterday" is the day before the current date')
        if self.take("year to date", "so far this year"):
            return Period(_trunc("year"), _TOMORROW, "from the start of the current year to today")
        if self.take("month to date", "so far this month"):
            return Period(_trunc("month"), _TOMORROW, "from the start of the current month to today")
        word = self.word()
        if word in ("this", "current") and self.noun(1) in UNITS:
            unit = self.noun(1)
            self.at += 2
            return _calendar(unit, 0)
        if word in ("last", "previous", "past", "next", "prior"):
            found = self._last(word)
            if found is not None:
                return found
        self.at = start
        return None

    def _last(self, word: str) -> Period | None:
        calendar = self.word(1) == "calendar" or self.word(2) == "calendar"
        number = self.integer(1)
        skip = 2 if number is not None else 1
        if calendar and self.word(skip) == "calendar":
            skip += 1
        unit = self.noun(skip)
        if unit == "fortnight":
            number, unit = 2 * (number or 1), "week"
        if unit not in UNITS:
            return None
        many = self.word(skip) != unit
        if number is None and many:
            return None
        self.at += skip + 1
        whole = self._excluding_current(unit)
        self._including_ends()
        if number is None and word != "past":
            return _calendar(unit, 1 if word == "next" else -1)
        count = number or 1
        if word == "next":
            forward = _back(count, unit).relative.replace(" - ", " + ")
            return Period(_trunc("day"), Bound(relative=forward), f"the next {count} {unit}s from today")
        if whole:
            return Period(
                _trunc(unit, -count), _trunc(unit), f"the {count} full calendar {unit}s before the current one"
            )
        if calendar:
            return Period(
                _trunc(unit, -count), _TOMORROW, f"the current {unit} and the {count} calendar {unit}s before it"
            )
        if unit in ("hour", "minute"):
            return Period(_back(count, unit), None, f"the last {count} {unit}(s) until now")
        text = f"the last {count} {unit}{'s' if count != 1 else ''} up to today"
        return Period(_back(count, unit), _TOMORROW, text)

    def _excluding_current(self, unit: str) -> bool:
        start = self.at
        self.take(",")
        self.take("(")
        if self.take(*_EXCLUDING) and self.noun() == unit:
            self.at += 1
            self.take(")")
            return True
        self.at = start
        return False

    def _including_ends(self) -> None:
        """Step over "from today", "until now", ", inclusive of today" and the like: they are how it is read anyway."""
        start = self.at
        self.take(",")
        if self.take(
            "inclusive of today",
            "including today",
            "from today",
            "until today",
            "up to today",
            "until now",
            "up to now",
        ):
            return
        self.at = start
        self.take(",")
        number = self.take("inclusive of") and self.integer()
        if number is not None and self.noun(1) in UNITS and self.word(2) == "ago":
            self.at += 3
            return
        self.at = start


def _add_months(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _day(day: date) -> Period:
    return Period(Bound(day), Bound(day + timedelta(days=1)), day.isoformat())


def _year(year: int) -> Period:
    return Period(Bound(date(year, 1, 1)), Bound(date(year + 1, 1, 1)), f"the year {year}", year=year)


def _month(year: int | None, month: int, today: date) -> Period:
    certain = year is not None
    if year is None:
        year = today.year if month <= today.month else today.year - 1
    first = date(year, month, 1)
    return Period(
        Bound(first), Bound(_add_months(first, 1)), f"{first:%B %Y}", year=year, month=month, certain=certain
    )  # fmt: skip


_SINCE = (
    "since the start of",
    "since the beginning of",
    "since",
    "starting from",
    "starting",
    "from",
    "on or after",
    "as of",
)
_BEFORE = ("before", "prior to", "earlier than", "older than")
_AFTER = ("after", "later than", "newer than")
_UNTIL = ("on or before", "until", "till", "up to", "through", "no later than")


def find_period(tokens: Sequence[Token], at: int, today: date) -> Found | None:
    """The longest date expression that starts at token `at`, prepositions included; None when there is none."""
    reader = _Reader(tokens, at, today)
    period = _between(reader) or _open(reader) or _ago(reader) or _closed(reader)
    return Found(period, reader.at) if period is not None else None


def _operand(reader: _Reader) -> Period | None:
    """A fixed or relative period, with nothing in front."""
    return reader.fixed() or reader.relative()


def _between(reader: _Reader) -> Period | None:
    start = reader.at
    opening = reader.take("between", "from")
    low = _operand(reader) if opening is not None else None
    high = _operand(reader) if low is not None and reader.take("and", "to", "until", "through", "till") else None
    if low is not None and high is not None:
        low = _with_year_of(low, high)
        text = f"from {low.text} to {high.text}, both included"
        _inclusive_remark(reader)
        return Period(low.start, high.end, text)
    reader.at = start
    return None


def _with_year_of(low: Period, high: Period) -> Period:
    """ "from March to May 2024": the first month takes the second's year."""
    if low.certain or low.month is None or high.year is None:
        return low
    return _month(high.year, low.month, date(high.year, 12, 31))


def _inclusive_remark(reader: _Reader) -> None:
    start = reader.at
    reader.take("(")
    reader.take(",")
    if reader.take("inclusive of start and end dates", "both inclusive", "inclusive", "both included"):
        reader.take(")")
        return
    reader.at = start


def _open(reader: _Reader) -> Period | None:
    start = reader.at
    for phrases, kind in ((_SINCE, "since"), (_UNTIL, "until"), (_BEFORE, "before"), (_AFTER, "after")):
        taken = reader.take(*phrases)
        if taken is None:
            continue
        period = _operand(reader)
        if period is None or (taken in ("from", "starting", "through") and period.start and period.start.relative):
            reader.at = start
            continue
        if kind == "since":
            if taken == "from" and reader.word() not in ("on", "onward", "onwards", "to"):
                return period
            reader.take("onwards", "onward", "on")
            return Period(period.start, None, f"since {period.text}")
        if kind == "until":
            return Period(None, period.end, f"up to {period.text}, included")
        if kind == "before":
            return Period(None, period.start, f"before {period.text}")
        return Period(period.end, None, f"after {period.text}")
    return None


def _ago(reader: _Reader) -> Period | None:
    """more than 30 days ago; within the last 2 weeks (the latter is read as a closed period)."""
    start = reader.at
    opening = reader.take("more than", "over", "less than", "at least", "within")
    number = reader.integer()
    if number is not None and reader.noun(1) in UNITS and reader.word(2) == "ago" and opening != "within":
        unit = reader.noun(1)
        reader.at += 3
        bound = _back(number, unit)
        if opening in ("more than", "over", "at least"):
            return Period(None, bound, f"more than {number} {unit}s ago")
        if opening == "less than":
            return Period(bound, _TOMORROW, f"less than {number} {unit}s ago")
        if unit == "day":
            return Period(_trunc("day", -number), _trunc("day", 1 - number), f"the day {number} days ago")
        return replace(_calendar(unit, -number), text=f"the calendar {unit} {number} {unit}s ago")
    reader.at = start
    return None


def _closed(reader: _Reader) -> Period | None:
    start = reader.at
    taken = reader.take("in the month of", "for the month of", "within", "during", "over", "in", "on", "for", "of")
    if taken is None and (reader.word() in NUMBER_WORDS or reader.tokens[reader.at].kind == "number"):
        # A bare number is a year only behind a preposition or a month.
        period = reader._named_month()
    else:
        # "over 2000" is an amount; "over the last year" is a period.
        period = reader.relative() if taken == "over" else _operand(reader)
    if period is None:
        reader.at = start
        return None
    reader.take("so far")
    if period.start is not None and reader.take(
        "or later", "or after", "and later", "and after", "or newer", "onwards"
    ):
        return Period(period.start, None, f"since {period.text}")
    if period.end is not None and reader.take("or earlier", "or before", "and earlier", "and before", "or older"):
        return Period(None, period.end, f"up to {period.text}, included")
    return period
