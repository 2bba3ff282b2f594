"""What a rule is, and what it is given: the statement at hand, the world it meets, the transaction it stands in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from postgast import pg_query_pb2 as pb

from postai.migrate.lint.reading import NewColumn, NewConstraint, definition, new_columns, new_constraints
from postai.migrate.lint.types import Kind, LintOptions
from postai.migrate.lint.world import Key, Table, World
from postai.migrate.types import Severity


@dataclass(frozen=True)
class Hit:
    """A hazard that a rule sees.

    Attributes:
        message: what happens, to which object.
        instead: what to do instead; None = what the rule says for every case.
        unless: asked again later; True = there was no hazard.
        until: when `unless` is asked.
    """

    message: str
    instead: str | None = None
    unless: Callable[[World], bool] | None = None
    until: Literal["transaction", "end"] = "end"


@dataclass
class Session:
    """The transaction that a statement stands in.

    Attributes:
        explicit: whether BEGIN was said and no end yet.
        function: whether the statement runs inside a DO block.
        number: of the transaction, counted up with every end.
        strong: tables that earlier statements of this transaction locked ACCESS EXCLUSIVE.
        not_valid: constraints that this transaction added NOT VALID.
        labels: enum values that this transaction added -> the enum.
        types: enums that this transaction created.
        saved: the world as it was at BEGIN.
    """

    explicit: bool = False
    function: bool = False
    number: int = 0
    strong: tuple[Key, ...] = ()
    not_valid: frozenset[tuple[Key, str]] = frozenset()
    labels: dict[str, Key] = field(default_factory=dict)
    types: frozenset[Key] = frozenset()
    saved: tuple[Any, ...] | None = None

    @property
    def in_block(self) -> bool:
        """Whether the statement cannot commit by itself."""
        return self.explicit or self.function

    def end(self) -> None:
        """The transaction is over."""
        self.explicit = False
        self.number += 1
        self.strong, self.not_valid, self.saved = (), frozenset(), None
        self.labels, self.types = {}, frozenset()


@dataclass
class Here:
    """A statement, or one command of an ALTER TABLE, and all that a rule may ask about it.

    Attributes:
        tree: the statement's node.
        command: the command of an ALTER TABLE, else None.
        sql: the statement's text, told once for a statement.
        world: before it runs.
        session: the transaction.
        options: of the run.
        hits: hazards already seen in this statement.
        scanned: tables that earlier ALTER TABLE statements of the text scanned or rewrote.
        notes: to be told to people; no findings.
    """

    tree: Any
    command: Any
    sql: str
    world: World
    session: Session
    options: LintOptions
    hits: list[str]
    scanned: frozenset[Key]
    notes: list[str]

    @cached_property
    def table(self) -> Table:
        """The table that the statement is about (`relation` of its node)."""
        return self.world.table_of(self.tree.relation)

    @cached_property
    def columns(self) -> list[NewColumn]:
        """Columns that it defines; none where IF NOT EXISTS meets what is there."""
        return [] if self.made_before else new_columns(self.tree, self.command)

    @cached_property
    def constraints(self) -> list[NewConstraint]:
        """Constraints that it adds; none where IF NOT EXISTS meets what is there."""
        return [] if self.made_before else new_constraints(self.tree, self.command)

    @cached_property
    def made_before(self) -> bool:
        """Whether it says IF NOT EXISTS and the table or column is known to be there."""
        tree = self.tree
        if isinstance(tree, pb.CreateStmt):
            relation = tree.relation
            return bool(tree.if_not_exists) and self.world.has_table(relation.schemaname, relation.relname)
        if self.command is None or self.command.subtype != pb.AT_AddColumn or not self.command.missing_ok:
            return False
        return definition(self.command).column_def.colname in self.table.columns

    @property
    def missing(self) -> bool:
        """Whether it says IF EXISTS and the database has no such table."""
        relation = self.tree.relation
        return bool(
            self.command is not None
            and self.tree.missing_ok
            and self.world.complete
            and not self.world.has_table(relation.schemaname, relation.relname)
        )

    @property
    def old(self) -> bool:
        """Whether the table was there before the text, so that others use it."""
        return not self.table.new and not self.table.temporary and not self.missing

    @property
    def is_new_table(self) -> bool:
        """Whether the statement makes a table."""
        return self.command is None


@dataclass(frozen=True)
class Rule:
    """One hazard.

    Attributes:
        name: of the finding.
        kind: what sort of harm.
        severity: unless the configuration says another.
        title: a few words.
        why: what happens, in a sentence or two.
        instead: what to do, where no SQL fits the statement at hand.
        on: names of statement nodes ("IndexStmt") and of ALTER TABLE's commands ("AT_AddColumn") it looks at.
        check: finds it.
        derived: whether it looks at what other rules found in the statement.
    """

    name: str
    kind: Kind
    severity: Severity
    title: str
    why: str
    instead: str
    on: frozenset[str]
    check: Callable[[Here], Iterable[Hit]]
    derived: bool = False

    @property
    def anchor(self) -> str:
        """Where the manual speaks of it."""
        return f"reference/lint.md#{self.name}"
