"""total price / total cost * 100 · (average A - average B) / average B · number of X divided by number of Y"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from postai.ask.grammar.draft import Measure, Predicate, Unsure
from postai.ask.grammar.operands import read_operand, require
from postai.ask.grammar.state import State

_OPERATORS = {"/": "/", "÷": "/", "divided by": "/", "*": "*", "×": "*", "+": "+", "plus": "+", "-": "-", "−": "-"}
_OPENINGS = frozenset(
    {"is", "are", "was", "were", "what", "what's", "calculate", "compute", "give", "return", "show", "find", "and",
     "get", "determine", "list", "report"}
)  # fmt: skip
_KNOWN = re.compile(r"\b(?:non-null|not null|is known|are known)\b", re.IGNORECASE)
_HUNDRED = Decimal(100)


@dataclass(slots=True)
class _Reader:
    """A recursive descent over the items of one calculation."""

    state: State
    at: int
    stop: int

    def operator(self, *wanted: str) -> str | None:
        """The operator here, if it is one of those; steps over it."""
        for size in (2, 1):
            words = " ".join(self.state.word(self.at + step) for step in range(size))
            found = _OPERATORS.get(words)
            if found in wanted and self.at + size <= self.stop:
                for position in range(self.at, self.at + size):
                    self.state.items[position].used = "calculation"
                self.at += size
                return found
        return None

    def sum(self) -> Measure | Decimal:
        left = self.product()
        while (operator := self.operator("+", "-")) is not None:
            left = self.joined(operator, left, self.product())
        return left

    def product(self) -> Measure | Decimal:
        left = self.factor()
        while (operator := self.operator("*", "/")) is not None:
            left = self.joined(operator, left, self.factor())
        return left

    def joined(self, operator: str, left: Measure | Decimal, right: Measure | Decimal) -> Measure:
        """Both sides; the only number that is read is the 100 of a percentage."""
        if operator == "*" and _HUNDRED in (left, right):
            inner = right if isinstance(left, Decimal) else left
            if isinstance(inner, Measure) and inner.kind == "formula" and inner.operator == "/":
                return Measure("formula", parts=inner.parts, operator="%")
            if isinstance(inner, Measure):
                return Measure("formula", parts=(inner,), operator="100")
        if isinstance(left, Decimal) or isinstance(right, Decimal):
            raise Unsure("a calculation with a fixed number is not read here")
        if operator == "/" and left.operator == "100":
            return Measure("formula", parts=(left.parts[0], right), operator="%")
        if operator == "*":
            raise Unsure("a product of two totals is not read here")
        return Measure("formula", parts=(left, right), operator=operator)

    def factor(self) -> Measure | Decimal:
        state = self.state
        self.at = state.skip(self.at)
        if self.at < self.stop and state.items[self.at].text == "(":
            closing = self.closing()
            state.use(self.at, closing, why="calculation")
            inner = _Reader(state, self.at + 1, closing)
            found = inner.sum()
            if inner.at < closing:
                raise Unsure("the calculation in brackets is not clear")
            self.at = closing + 1
            return found
        item = state.items[self.at] if self.at < self.stop else None
        alone = item is not None and (self.at + 1 >= self.stop or not self.word_behind())
        if item is not None and item.kind == "number" and item.free and alone:
            state.use(self.at, why="calculation")
            self.at += 1
            return item.number or Decimal(0)
        end = self.at
        while end < self.stop and not self.ends(end):
            end += 1
        operand = read_operand(state, self.at, end)
        self.at = end
        return require(operand.of(operand))

    def word_behind(self) -> bool:
        following = self.state.items[self.at + 1]
        return following.kind == "name" and self.state.word(self.at + 1) not in _OPERATORS

    def ends(self, at: int) -> bool:
        words = f"{self.state.word(at)} {self.state.word(at + 1)}"
        return self.state.word(at) in _OPERATORS or words in _OPERATORS or self.state.items[at].text in "()"

    def closing(self) -> int:
        depth = 0
        for at in range(self.at, self.stop):
            depth += {"(": 1, ")": -1}.get(self.state.items[at].text, 0)
            if depth == 0:
                return at
        raise Unsure("a bracket is not closed")


def apply(state: State) -> None:
    for index in range(1, len(state.items) - 1):
        word = state.word(index)
        divided = word == "divided" and state.word(index + 1) == "by"
        if state.items[index].free and (word in ("/", "÷") or divided):
            _calculate(state, index)
            return


def _calculate(state: State, index: int) -> None:
    start = _start(state, index)
    stop = _stop(state, index)
    reader = _Reader(state, start, stop)
    found = reader.sum()
    if isinstance(found, Decimal) or found.operator == "100":
        raise Unsure("what is calculated is not clear")
    _known_values(state, found)
    state.become_measure(start, found, reader.at)


def _known_values(state: State, found: Measure) -> None:
    """Notes that ask for rows in which every column of the calculation is known."""
    if not _KNOWN.search(state.request.taught.notes):
        return
    for ref in dict.fromkeys(leaf.ref for leaf in found.leaves() if leaf.kind == "aggregate" and leaf.ref is not None):
        if not state.column_info(ref).column.not_null:
            state.draft.predicates.append(Predicate(ref, "null", negated=True))


def _start(state: State, index: int) -> int:
    """Where the calculation begins: behind the verb, the comma or "and" before it, with its bracket."""
    depth, at = 0, index
    while at > 0:
        before = state.items[at - 1]
        depth += {")": 1, "(": -1}.get(before.text, 0)
        closed = before.lower in _OPENINGS or before.text in (",", ":", ";") or state.is_end(at - 1)
        if depth == 0 and closed and before.text != "(":
            break
        at -= 1
    return state.skip(at)


def _stop(state: State, index: int) -> int:
    """Where it ends: before a grouping, a comma, a further clause."""
    end, depth = state.sentence_end(index), 0
    for at in range(index, end):
        item = state.items[at]
        depth += {"(": 1, ")": -1}.get(item.text, 0)
        behind_number = state.items[at - 1].kind == "number" and not state.items[at - 1].free
        closes = (
            state.cue(at) in ("each", "by", "order by", "and") or item.text in (",", ";") or item.period is not None
        )
        if depth <= 0 and at > index and (closes or item.lower in ("for", "where", "across") or behind_number):
            return at
        hundred = state.items[at - 1].number == _HUNDRED and state.word(at - 2) in ("*", "×")
        if depth <= 0 and hundred:
            return at
    return end
