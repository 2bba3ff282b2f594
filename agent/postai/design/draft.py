"""The schema that a description draws, while it is being drawn: tables, columns, rules and keys that point elsewhere.

A draft is changed in place by what reads the words; names of columns and tables stand for themselves until the DDL is
written. What was in the database before carries its exact definition, so that it can be restored.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Literal

RuleKind = Literal["primary", "unique", "check", "foreign", "exclude"]


@dataclass
class Column:
    """A column.

    Attributes:
        type: as SQL writes it.
        default: SQL expression.
        was: the column's name in the database; None = it is new.
        fixed: an identity or generated column of the database, which words do not change.
        definition: of a fixed column, what follows its name in ADD COLUMN.
        why: an assumption that people should hear of.
    """

    name: str
    type: str
    required: bool = True
    default: str | None = None
    comment: str | None = None
    was: str | None = None
    fixed: bool = False
    definition: str = ""
    fill: str | None = None
    required_said: bool = False
    type_said: bool = False


@dataclass
class Rule:
    """A constraint of a table.

    Attributes:
        columns: those it speaks of.
        expression: of a check or exclusion, with the columns' names; of a constraint of the database what follows
            CONSTRAINT name.
        target, target_columns: of a foreign key.
        on_delete: action as SQL writes it, "" = none.
        name: in the database; None = it is new.
        values: of an enumeration, in order.
    """

    kind: RuleKind
    columns: tuple[str, ...]
    expression: str = ""
    target: str = ""
    target_columns: tuple[str, ...] = ()
    on_delete: str = ""
    name: str | None = None
    values: tuple[str, ...] = ()
    replaces: str | None = None


@dataclass
class IndexDraft:
    """An index; `definition` and `name` where the database has it. Columns may end in " DESC"."""

    columns: tuple[str, ...]
    why: str = ""
    name: str | None = None
    definition: str = ""


@dataclass
class Table:
    """A table.

    Attributes:
        name: as it is to be called.
        was: its name in the database; None = it is new.
        noun: singular words of it, as people say it.
        implied: made for a relation (a junction); may have no key of its own.
        pair: tables a junction stands between.
    """

    name: str
    noun: tuple[str, ...]
    columns: dict[str, Column] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    indexes: list[IndexDraft] = field(default_factory=list)
    comment: str | None = None
    was: str | None = None
    pair: tuple[str, ...] = ()
    repeats: bool = False
    schema: str = "public"
    fill: str | None = None

    def unique(self, columns: tuple[str, ...]) -> bool:
        """Whether a key or unique rule says so of exactly these columns."""
        return any(one.kind in ("primary", "unique") and set(one.columns) == set(columns) for one in self.rules)

    def add_unique(self, columns: tuple[str, ...]) -> None:
        """Say that no two rows share these columns."""
        if not self.unique(columns):
            self.rules.append(Rule("unique", columns))

    def add_check(self, columns: tuple[str, ...], expression: str, values: tuple[str, ...] = ()) -> None:
        """Add a rule about rows, unless it is there."""
        if not any(one.kind == "check" and one.expression == expression for one in self.rules):
            self.rules.append(Rule("check", columns, expression, values=values))

    def keys_to(self, target: str) -> list[Rule]:
        """Foreign keys to a table."""
        return [one for one in self.rules if one.kind == "foreign" and one.target == target]

    @property
    def key(self) -> tuple[str, ...]:
        """Columns of the primary key; () = none."""
        return next((one.columns for one in self.rules if one.kind == "primary"), ())


@dataclass
class Draft:
    """All tables, by name."""

    tables: dict[str, Table] = field(default_factory=dict)

    def copy(self) -> Draft:
        """A draft of its own with the same contents."""
        return copy.deepcopy(self)


def identity(name: str = "id") -> Column:
    """The key column of a new table."""
    return Column(name, "bigint", fixed=True, definition="bigint GENERATED ALWAYS AS IDENTITY")
