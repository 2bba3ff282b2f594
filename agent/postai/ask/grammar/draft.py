"""What a question asks for, before any join is chosen."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from postai.language.dates import Period


class Unsure(Exception):
    """The question cannot be read with certainty.

    Args:
        reason: one sentence for the person.
        hint: what to do next.
        choices: (table, column) pairs between which it hesitates.
    """

    def __init__(self, reason: str, hint: str | None = None, choices: tuple[tuple[int, str], ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.choices = choices


@dataclass(frozen=True, slots=True)
class Ref:
    """A column of a table."""

    table: int
    column: str


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition on one column.

    Attributes:
        ref: the column.
        operator: "=", "<>", "<", ">", "<=", ">=", "in", "starts", "ends", "contains", "null",
            "between", "within" (without its ends), "period".
        values: operands.
        negated: turned round as a whole.
        group: predicates of one group are joined by OR.
        joint: its values were joined by "and": of a row that meets many others, each may be meant.
        other: a second column instead of a value; `factor` multiplies it, `offset` (the text of an interval) is added.
        against: an aggregate over all rows instead of a value ("above the average").
    """

    ref: Ref
    operator: str
    values: tuple[str | bool | int | Decimal, ...] = ()
    negated: bool = False
    group: int | None = None
    period: Period | None = None
    fold: bool = False
    joint: bool = False
    other: Ref | None = None
    factor: Decimal | None = None
    offset: str = ""
    against: Measure | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A number the question wants.

    Attributes:
        kind: count = rows of `table`; aggregate = `function` over `ref`; money = the best money measure ("revenue");
            units = quantity; nested = `function` over the values that the part has for each `per`; formula = its parts
            joined by `operator`; window = its part seen beside the other rows of the answer.
        distinct: count different values only.
        only: conditions of this measure alone (FILTER).
        per: for nested: what the part is computed for; for a rank: what is ranked; for what a column is compared
            with: the group of each row.
        named: for a count of the rows of a linking table: the table whose rows it stands for.
        parts: the measures that it is made of.
        operator: for a formula "/", "%", "-" or "+"; for a window "running", "rank", "change", "growth", "previous",
            "share" (0 to 1), "percent" (of all) or "moving" (over `rows` rows).
        within: for a rank: the group whose rows are ranked among each other.
        text: its name in the output, where the usual one says too little.
    """

    kind: Literal["count", "aggregate", "money", "units", "nested", "plain", "formula", "window"]
    table: int | None = None
    ref: Ref | None = None
    function: str = "sum"
    distinct: bool = False
    only: tuple[Predicate | Absence, ...] = ()
    per: Key | None = None
    concept: str = ""
    named: int | None = None
    parts: tuple[Measure, ...] = ()
    operator: str = ""
    rows: int = 0
    within: Key | None = None
    text: str = ""

    def leaves(self) -> tuple[Measure, ...]:
        """The measures of rows that it is made of."""
        if self.kind in ("formula", "window"):
            return tuple(leaf for part in self.parts for leaf in part.leaves())
        return (self,)


@dataclass(frozen=True, slots=True)
class Key:
    """What the rows of an answer stand for: an entity (table), a column, or a time bucket."""

    table: int | None = None
    ref: Ref | None = None
    bucket: str | None = None


@dataclass(frozen=True, slots=True)
class Having:
    """A comparison of a measure with a number, an aggregate over all rows, or a column of what is grouped."""

    measure: Measure
    operator: str
    value: Decimal | Measure | Ref
    high: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Absence:
    """Rows of `table`, under these conditions, do not exist for a row of `anchor` (or exist, when `present`).

    `through` are tables that the way from one to the other passes.
    """

    table: int
    predicates: tuple[Predicate, ...] = ()
    present: bool = False
    anchor: int | None = None
    through: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderBy:
    """One wish for an order.

    Attributes:
        what: a property of the rows, as in cues.PROPERTY_SUPERLATIVES ("newest first" → "@event").
    """

    measure: Measure | None = None
    ref: Ref | None = None
    key: bool = False
    descending: bool = False
    what: str = ""


@dataclass
class Draft:
    """The question as wishes; constructs fill it in.

    Attributes:
        bucket_ref: date that time buckets are made of; None = decided by the rows that are counted.
        with_subject: the columns to show come on top of what names the subject ("orders with their status").
        keep_all: keys without any row to count are shown too.
        halves: both are counted, the rows that meet the one condition and the others.
        plays: roles that the rows play, or do not play (False): "employees who are managers".
        said_columns: columns that the statement must use, because a word stands for nothing else.
        offset: rows to leave out before the first one shown ("the second highest").
        rank: the column of each row by which its place among the rows (of its partition) is shown.
        partition: keys for each of which the limit counts anew ("the top 3 products of each category").
    """

    subject: Key | None = None
    measures: list[Measure] = field(default_factory=list)
    groups: list[Key] = field(default_factory=list)
    predicates: list[Predicate] = field(default_factory=list)
    havings: list[Having] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    projections: list[Ref | Key | Measure] = field(default_factory=list)
    orders: list[OrderBy] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0
    partition: list[Key] = field(default_factory=list)
    rank: OrderBy | None = None
    bucket_ref: Ref | None = None
    with_subject: bool = False
    distinct: bool = False
    keep_all: bool = False
    halves: bool = False
    plays: list[tuple[int, bool]] = field(default_factory=list)
    said_columns: list[Ref] = field(default_factory=list)
    mentioned: set[int] = field(default_factory=set)
    assumptions: list[str] = field(default_factory=list)
    confidence: float = 0.97
