"""Statements of a workload made ready for the planner: parsed, turned into a reading form, and passed by the guard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import postgast
from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.database.catalog_types import Catalog, Table
from postai.errors import Refused
from postai.optimize.candidates import is_small
from postai.optimize.types import Skipped, WorkloadStatement
from postai.sql.guard import check
from postai.sql.nodes import messages
from postai.sql.parse import Statement, Unparsable, parse_one, statement_node
from postai.sql.safety import Safety

WriteKind = Literal["insert", "update", "delete"]


@dataclass(frozen=True)
class Write:
    """What a statement writes.

    Attributes:
        table_oid: of the table; of a partition: its own.
        columns: set by an update, also of ON CONFLICT.
    """

    kind: WriteKind
    table_oid: int
    columns: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Prepared:
    """A statement that may be planned.

    Attributes:
        origin: as it stands in the workload.
        sql: a SELECT with the same conditions; None = there is nothing to plan (INSERT ... VALUES, small tables alone).
        literals: parameter sets that passed the guard.
        parameters: numbers of its parameters, ascending.
        limits: those that stand in LIMIT; `offsets` those in OFFSET.
        writes: what it changes.
        relations: oids of the relations that it names.
    """

    origin: WorkloadStatement
    sql: str | None
    search_path: tuple[str, ...]
    literals: tuple[tuple[str, ...], ...] = ()
    parameters: tuple[int, ...] = ()
    limits: frozenset[int] = frozenset()
    offsets: frozenset[int] = frozenset()
    writes: tuple[Write, ...] = ()
    relations: tuple[int, ...] = ()


class Preparer:
    """Makes statements ready.

    Args:
        catalog, safety: pictures of the database.
        search_path: schemas of the session, resolved, for statements that do not bring their own.
    """

    def __init__(self, catalog: Catalog, safety: Safety, search_path: tuple[str, ...]) -> None:
        self.catalog = catalog
        self._safety = safety
        self._path = search_path
        self._schemas: dict[str, set[str]] = defaultdict(set)
        for table in catalog.tables:
            self._schemas[table.name].add(table.schema)

    def prepare(self, statement: WorkloadStatement) -> Prepared | Skipped:
        """The statement made ready, or why it cannot be considered."""
        path = tuple(one for one in statement.search_path if one != "$user") or self._path
        if "insufficient privilege" in statement.sql[:30]:
            return Skipped(statement.id, "its text is hidden from this role: GRANT pg_read_all_stats to it")
        try:
            parsed = parse_one(statement.sql)
        except Unparsable as error:
            return Skipped(statement.id, f"its text is truncated or no SQL: {error.message}")
        except Refused as error:
            return Skipped(statement.id, error.message)
        if not statement.search_path:
            path = self._path_of(parsed.tree)
        writes = tuple(self._writes(parsed.tree, path))
        if self._reads_nothing_large(parsed.tree, path):
            return Prepared(statement, None, path, writes=writes)
        reading = reading_form(parsed)
        if reading is None:
            if writes or parsed.statement_class == "INSERT":
                return Prepared(statement, None, path, writes=writes)
            return Skipped(statement.id, f"{parsed.statement_class} has no plan that an index could change")
        try:
            text = _text(reading) if reading is not parsed.tree or _parameters(reading) else parsed.sql
            checked = check(text, self._safety, search_path=path)
            for values in dict.fromkeys(statement.parameters):
                check(f"SELECT {', '.join(values)}", self._safety, search_path=path)
        except Refused as error:
            return Skipped(statement.id, ". ".join(one for one in (error.message, error.detail) if one))
        except postgast.PgQueryError as error:
            return Skipped(statement.id, f"its reading form cannot be written: {error.message}")
        numbers = _parameters(reading)
        limits, offsets = _limits(reading)
        fitting = tuple(one for one in dict.fromkeys(statement.parameters) if len(one) >= max(numbers, default=0))
        literals = tuple(one[: numbers[-1]] for one in fitting) if numbers else ()
        return Prepared(statement, checked.sql, path, literals, numbers, limits, offsets, writes, checked.relations)

    def _reads_nothing_large(self, tree: Message, path: Sequence[str]) -> bool:
        """Whether it names tables, but none on which an index could pay."""
        relations = [node for node in messages(tree) if isinstance(node, pb.RangeVar)]
        tables = [self._table(node, path) for node in relations]
        return bool(tables) and all(one is not None and is_small(one) for one in tables)

    def _path_of(self, tree: Message) -> tuple[str, ...]:
        """The session's schemas; where they lack tables, and one other schema alone has them all, with that one.

        pg_stat_statements does not tell under which search_path a statement ran.
        """
        found = list(messages(tree))
        own = {node.ctename for node in found if isinstance(node, pb.CommonTableExpr)}
        names = {node.relname for node in found if isinstance(node, pb.RangeVar) and not node.schemaname} - own
        lacking = [name for name in names if self._schemas[name].isdisjoint(self._path)]
        if not lacking:
            return self._path
        others = set.intersection(*(self._schemas[name] for name in lacking))
        return (*self._path, *others) if len(others) == 1 else self._path

    def _writes(self, tree: Message, path: Sequence[str]) -> Iterator[Write]:
        for node in _writing(tree):
            table = self._table(node.relation, path)
            if table is None:
                continue
            match node:
                case pb.InsertStmt():
                    yield Write("insert", table.oid)
                    changed = _targets(node.on_conflict_clause.target_list)
                    if changed:
                        yield Write("update", table.oid, changed)
                case pb.UpdateStmt():
                    yield Write("update", table.oid, _targets(node.target_list))
                case pb.DeleteStmt():
                    yield Write("delete", table.oid)
                case pb.MergeStmt():
                    yield from _merge_writes(node, table)

    def _table(self, relation: Message, path: Sequence[str]) -> Table | None:
        schemas = (relation.schemaname,) if relation.schemaname else path
        return next((one for schema in schemas if (one := self.catalog.table(schema, relation.relname))), None)


def reading_form(parsed: Statement) -> Message | None:
    """A SELECT with the same FROM and WHERE, so that its plan shows how the rows are found.

    Of UPDATE and DELETE it gives the rows' ctid (they have to be fetched from the table); of INSERT the query; of
    SELECT ... FOR UPDATE the query without the lock; of DECLARE CURSOR its query.

    Returns:
        None for statements without such a part.
    """
    tree = parsed.tree
    match tree:
        case pb.SelectStmt():
            return _without_locks(tree) if tree.locking_clause else tree
        case pb.DeclareCursorStmt():
            return _without_locks(statement_node(tree.query))
        case pb.InsertStmt():
            query = statement_node(tree.select_stmt) if tree.HasField("select_stmt") else None
            if query is None or not isinstance(query, pb.SelectStmt) or query.values_lists:
                return None
            select = pb.SelectStmt()
            select.CopyFrom(query)
            if tree.HasField("with_clause"):
                select.with_clause.CopyFrom(tree.with_clause)
            return select
        case pb.UpdateStmt():
            return _rows_of(tree, list(tree.from_clause), _subqueries(tree.target_list))
        case pb.DeleteStmt():
            return _rows_of(tree, list(tree.using_clause), [])
        case pb.MergeStmt():
            return _rows_of_merge(tree)
    return None


def with_literals(sql: str, literals: Sequence[str]) -> str | None:
    """A statement with values in the place of its parameters, put into the parse tree.

    Args:
        sql: one SELECT that the guard let pass.
        literals: SQL expressions for $1, $2, ... that the guard let pass.

    Returns:
        None when it cannot be written.
    """
    try:
        tree = parse_one(sql).tree
        values = [parse_one(f"SELECT {one}").tree.target_list[0].res_target.val for one in literals]
        for one in list(_below(tree)):
            for field, value in one.ListFields():
                if field.message_type is pb.Node.DESCRIPTOR:
                    for node in value if field.is_repeated else [value]:
                        if node.WhichOneof("node") == "param_ref":
                            node.CopyFrom(values[node.param_ref.number - 1])
        return _text(tree)
    except (Refused, postgast.PgQueryError, IndexError):
        return None


def _without_locks(query: Message) -> Message:
    select = pb.SelectStmt()
    select.CopyFrom(query)
    select.ClearField("locking_clause")
    return select


def _rows_of(tree: Message, sources: list[Message], values: list[Message]) -> Message:
    select = _select(tree)
    select.from_clause.add().range_var.CopyFrom(tree.relation)
    for one in sources:
        select.from_clause.add().CopyFrom(one)
    for one in values:
        select.target_list.add().res_target.val.CopyFrom(one)
    if tree.HasField("where_clause"):
        select.where_clause.CopyFrom(tree.where_clause)
    return select


def _rows_of_merge(tree: Message) -> Message:
    select = _select(tree)
    join = select.from_clause.add().join_expr
    join.jointype = pb.JOIN_RIGHT
    join.larg.range_var.CopyFrom(tree.relation)
    join.rarg.CopyFrom(tree.source_relation)
    join.quals.CopyFrom(tree.join_condition)
    return select


def _select(tree: Message) -> Message:
    """A SELECT of the target's ctid, so far without FROM."""
    select = pb.SelectStmt(limit_option=pb.LIMIT_OPTION_DEFAULT, op=pb.SETOP_NONE)
    if tree.HasField("with_clause"):
        select.with_clause.CopyFrom(tree.with_clause)
    relation = tree.relation
    name = relation.alias.aliasname if relation.HasField("alias") else relation.relname
    fields = select.target_list.add().res_target.val.column_ref.fields
    for one in (name, "ctid"):
        fields.add().string.sval = one
    return select


def _subqueries(targets: Sequence[Message]) -> list[Message]:
    """Values that an UPDATE takes from subqueries."""
    values = (one.res_target.val for one in targets)
    return [
        one
        for one in values
        if one.WhichOneof("node") != "multi_assign_ref" and any(x.DESCRIPTOR.name == "SubLink" for x in _below(one))
    ]


def _writing(tree: Message) -> Iterator[Message]:
    """The node of every part that writes, also in WITH."""
    for one in _below(tree):
        if isinstance(one, pb.InsertStmt | pb.UpdateStmt | pb.DeleteStmt | pb.MergeStmt):
            yield one


def _merge_writes(node: Message, table: Table) -> Iterator[Write]:
    for one in node.merge_when_clauses:
        clause = one.merge_when_clause
        match clause.command_type:
            case pb.CMD_INSERT:
                yield Write("insert", table.oid)
            case pb.CMD_UPDATE:
                yield Write("update", table.oid, _targets(clause.target_list))
            case pb.CMD_DELETE:
                yield Write("delete", table.oid)


def _targets(targets: Sequence[Message]) -> frozenset[str]:
    return frozenset(one.res_target.name for one in targets)


def _limits(tree: Message) -> tuple[frozenset[int], frozenset[int]]:
    limits: set[int] = set()
    offsets: set[int] = set()
    for one in _below(tree):
        if isinstance(one, pb.SelectStmt):
            limits.update(x.number for x in _below(one.limit_count) if isinstance(x, pb.ParamRef))
            offsets.update(x.number for x in _below(one.limit_offset) if isinstance(x, pb.ParamRef))
    return frozenset(limits), frozenset(offsets)


def _parameters(tree: Message) -> tuple[int, ...]:
    return tuple(sorted({one.number for one in _below(tree) if isinstance(one, pb.ParamRef)}))


def _text(select: Message) -> str:
    result = pb.ParseResult()
    result.stmts.add().stmt.select_stmt.CopyFrom(select)
    return str(postgast.deparse(result))


def _below(node: Message) -> Iterator[Message]:
    """The node and every concrete node under it."""
    waiting: list[Message] = [node]
    while waiting:
        one = waiting.pop()
        yield one
        for field, value in one.ListFields():
            if field.message_type is not None:
                waiting.extend(value if field.is_repeated else [value])
