"""One planning run: what is known, what was noted, and how steps are made; the rewrites work on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from postai.database import Database, Row
from postai.database.identifiers import qualified, quote_ident
from postai.database.named_sql import load
from postai.errors import Refused
from postai.migrate import naming
from postai.migrate.estimate import Effort, Size, milliseconds
from postai.migrate.picture import Picture, Relation
from postai.migrate.qualify import Names
from postai.migrate.types import Backfill, PlannedStep, StepClass
from postai.sql.nodes import messages
from postai.sql.parse import Unparsable, parse_one, statement_node, write


@dataclass(frozen=True)
class Usage:
    """What the collected history knows of the use of a table or column.

    Attributes:
        statements: how many different statements name it.
        calls: how often they ran in the time that is kept.
        last: when the last one was seen, as text; None = never.
        since: since when statements have been collected, as text.
    """

    statements: int
    calls: int
    last: str | None = None
    since: str | None = None


@dataclass(frozen=True)
class PlanOptions:
    """Wishes of whoever asks for a plan.

    Attributes:
        versioned_views: a rename leaves a view under the old name (security_invoker, PostgreSQL 15 and newer).
        usage: schema, table and column (None = the whole table) -> what the history knows of its use; None = unknown.
        show_values: whether the words of a check may show values of rows.
    """

    versioned_views: bool = False
    usage: Callable[[str, str, str | None], Usage | None] | None = None
    show_values: bool = False


@dataclass
class Work:
    """The state of one run.

    Attributes:
        db: session for looking things up.
        sql: text of the given statement that is being planned.
        given: its number.
        factor: calibration of times.
    """

    db: Database
    names: Names
    picture: Picture
    options: PlanOptions
    factor: float = 1.0
    sql: str = ""
    given: int = 1
    warnings: list[str] = field(default_factory=list)
    checks: list[tuple[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    destructive: bool = False
    _answers: dict[tuple[str, object], list[Row]] = field(default_factory=dict)

    def ask(self, block: str, value: object) -> list[Row]:
        """The answer to a query of picture.sql about one value; the same question is sent once."""
        key = (block, tuple(value) if isinstance(value, list) else value)
        if key not in self._answers:
            self._answers[key] = self.db.query(load(__package__, "picture.sql")[block], [value])
        return self._answers[key]

    @property
    def version(self) -> int:
        """Major version of the server."""
        return self.db.server_version // 10000

    def warn(self, sentence: str) -> None:
        """Note what people should know, once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def check(self, relation: Relation, where: str, words: str, source: str | None = None) -> bool:
        """Note a count that must be zero; rows beyond a thousand are not counted.

        What an earlier statement of the text makes or writes is not looked at: the rows of now prove nothing.

        Args:
            where: expression over the rows of the relation.
            words: what was found, e.g. "rows of s.t with NULL in a".
            source: what stands after FROM; None = the relation.

        Returns:
            whether it is looked at.
        """
        fresh = [one.name for one in relation.columns if one.fresh]
        made = fresh and naming.columns_of(parsed(f"SELECT {where}"), fresh)
        looked_at = not (relation.new or relation.written or made)
        if looked_at:
            query = f"SELECT 1 FROM {source or relation.full_name} WHERE {where} LIMIT 1000"  # noqa: S608 - quoted names
            self.checks.append((f"SELECT count(*) FROM ({query}) AS x", words))  # noqa: S608 - made above
        return looked_at

    def take(self, schema: str, name: str) -> None:
        """Note that a relation of that name is there from now on."""
        self.picture.take(schema, "relation", name)
        self.names.made("relation", name, schema)

    def relation(self, node: Any) -> Relation | None:
        """The relation that a RangeVar names."""
        return self.picture.find(node.schemaname, node.relname)

    def step(
        self,
        statement: str,
        step_class: StepClass = "short_lock",
        *,
        undo: str | None,
        pre: str | None = None,
        post: str | None = None,
        on: Relation | None = None,
        effort: Effort = "moment",
        hazard: str | None = None,
        backfill: Backfill | None = None,
        together: Sequence[str] = (),
        contract: bool = False,
    ) -> PlannedStep:
        """A step; its rows and time come from the size of the relation that it works on."""
        size = Size(None, None) if on is None else Size.of(on)
        return PlannedStep(
            statement=statement,
            step_class=step_class,
            undo=undo,
            precondition=pre,
            postcondition=post,
            hazard=hazard,
            backfill=backfill,
            estimated_rows=None if effort == "moment" else size.rows,
            estimated_ms=milliseconds(effort, size, self.factor),
            phase="contract" if contract else "expand",
            together=tuple(together),
            given=self.given,
        )

    def plain(
        self,
        tree: Any,
        *,
        undo: str | None = None,
        pre: str | None = None,
        post: str | None = None,
        on: Relation | None = None,
        effort: Effort = "moment",
        hazard: str | None = None,
        alone: bool = False,
        contract: bool = False,
    ) -> PlannedStep:
        """The statement as it was given, with full names; on a table of the text itself its undo drops the table."""
        if undo is None and on is not None and on.new and on.kind in ("r", "p"):
            undo = f"DROP TABLE IF EXISTS {on.full_name}"
        return self.step(
            self.text(tree), "alone" if alone else "short_lock", undo=undo, pre=pre, post=post, on=on, effort=effort,
            hazard=hazard, contract=contract,
        )  # fmt: skip

    def text(self, tree: Any) -> str:
        """The statement that a (changed) tree stands for."""
        try:
            return write(tree)
        except (Refused, Unparsable):
            self.warn(f"the names in statement {self.given} could not be completed; it is taken as it was written")
            return self.sql

    def type_name(self, node: Any) -> str | None:
        """The type as format_type writes it; None = the server does not know it (yet), or it has special modifiers."""
        bare = type(node)()
        bare.CopyFrom(node)
        del bare.typmods[:]
        del bare.array_bounds[:]
        if node.names and node.names[-1].string.sval == "bpchar":  # without its length it would be read as char(1)
            rows: list[Row] = [("character" if node.typmods else "bpchar",)]
        else:
            rows = self.ask("type_name", type_text(bare))
        numbers = [one.a_const.ival.ival for one in node.typmods if one.WhichOneof("node") == "a_const"]
        if not rows or len(numbers) != len(node.typmods) or (numbers and rows[0][0] == "interval"):
            return None
        name = str(rows[0][0])
        if name == "numeric" and len(numbers) == 1:
            numbers.append(0)
        if numbers:
            modifier = f"({','.join(map(str, numbers))})"
            first, space, rest = name.partition(" with") if name.startswith("time") else (name, "", "")
            name = first + modifier + space + rest
        return name + ("[]" if node.array_bounds else "")

    # Names that PostgreSQL would choose

    def index_name(self, relation: Relation, columns: Sequence[str], label: str) -> str:
        """Name of an unnamed index or index constraint (label "idx", "key", "pkey" or "excl")."""
        constraint = label != "idx"
        addition = None if label == "pkey" else naming.joined(columns)
        return naming.free_name(
            relation.name,
            addition,
            label,
            lambda name: self.picture.taken(relation.schema, name, constraint=constraint),
        )

    def constraint_name(self, relation: Relation, columns: Sequence[str], label: str) -> str:
        """Name of an unnamed CHECK, FOREIGN KEY or NOT NULL constraint."""
        return naming.free_name(
            relation.name,
            naming.joined(columns) if columns else None,
            label,
            lambda name: self.picture.constraint_taken(relation.schema, name),
        )

    def relation_name(self, schema: str, first: str, second: str | None, label: str) -> str:
        """A free name of a relation, e.g. of a sequence."""
        return naming.free_name(first, second, label, lambda name: self.picture.taken(schema, name, constraint=False))


def expression_text(node: Any) -> str:
    """The text of an expression node."""
    select = parsed("SELECT NULL")
    select.target_list[0].res_target.val.CopyFrom(node)
    return write(select).removeprefix("SELECT ")


def type_text(node: Any) -> str:
    """The text of a TypeName."""
    select = parsed("SELECT NULL::text")
    select.target_list[0].res_target.val.type_cast.type_name.CopyFrom(node)
    return write(select).removeprefix("SELECT NULL::")


def renamed_columns(node: Any, old: str, new: str) -> Any:
    """A copy of an expression or statement in which a column has another name."""
    copy = type(node)()
    copy.CopyFrom(node)
    for one in messages(copy):
        kind = one.DESCRIPTOR.name
        if kind == "ColumnRef" and one.fields[-1].WhichOneof("node") == "string":
            last = one.fields[-1].string
            last.sval = new if last.sval == old else last.sval
        elif kind == "IndexElem" and one.name == old:
            one.name = new
    return copy


def parsed(statement: str) -> Any:
    """The tree of one statement."""
    return parse_one(statement).tree


def subcommand(relation: Relation, command: Any) -> Any:
    """An ALTER TABLE of one subcommand."""
    tree = parsed(f"ALTER TABLE {relation.full_name} CLUSTER ON x")
    tree.cmds[0].alter_table_cmd.CopyFrom(command)
    return tree


def quoted(names: Sequence[str]) -> str:
    """Column names as a list."""
    return ", ".join(quote_ident(name) for name in names)


def strings(nodes: Any) -> list[str]:
    """The texts of a list of String nodes."""
    return [one.string.sval for one in nodes]


def inner(node: Any) -> Any:
    """The message inside a Node."""
    return statement_node(node)


def as_given(steps: Sequence[PlannedStep], given: int) -> list[PlannedStep]:
    """The steps with the number of the statement that they serve."""
    return [replace(one, given=given) for one in steps]


def names_of_parts(parts: Any) -> tuple[str, str]:
    """Schema ("" = none) and name of a list of name parts."""
    listed = strings(parts)
    return (listed[-2] if len(listed) > 1 else "", listed[-1])


def full_name(schema: str, name: str) -> str:
    """Qualified, quoted; without a schema where there is none."""
    return qualified(schema, name) if schema else quote_ident(name)


Assignments = Mapping[str, str]
