"""Which columns a statement uses and what for: compared, joined on, grouped and sorted by, written, or only read.

Names are resolved against what the caller knows of the tables, through aliases, subqueries and WITH queries; what
cannot be resolved is left out. Nothing is sent to a server.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import qualified
from postai.errors import Refused
from postai.sql.nodes import messages
from postai.sql.parse import parse_one, statement_node

Use = Literal["reads", "filters", "joins", "groups", "sorts", "writes"]
Usage = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Columns by use, by table: {"shop.orders": {"filters": ("placed_at",)}}."""

_Base = tuple[str, str]
"""A column of a table: the table's name as it is told, the column."""
_QUERIES = ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")


@dataclass(frozen=True)
class KnownTable:
    """A table or view, by names, unquoted."""

    schema: str
    name: str
    columns: tuple[str, ...]


Find = Callable[[str | None, str], KnownTable | None]
"""Gives the table that a name means; the schema is None where the statement does not say it."""


def named_tables(sql: str) -> frozenset[tuple[str | None, str]]:
    """Schema (None = not said) and name of every table that a statement names, and of its WITH queries.

    Raises:
        Refused: the text is not one statement that can be parsed.
    """
    found = (node for node in messages(parse_one(sql).tree) if _kind(node) == "RangeVar")
    return frozenset((node.schemaname or None, node.relname) for node in found)


def column_usage(sql: str, find: Find) -> Usage:
    """Which columns one statement uses, and what for.

    Args:
        sql: SELECT, INSERT, UPDATE, DELETE or MERGE, with constants or $n.
        find: says what the names of tables mean.

    Returns:
        the columns by use, by table (qualified and quoted where needed); a table without any column that is used is
        there too. A column in several uses is in each, "reads" has only those that are in no other.

    Raises:
        Refused: the text is not one statement that can be parsed, or is nested too deeply.
    """
    walk = _Walk(find)
    try:
        walk.query(parse_one(sql).tree, ())
    except RecursionError:
        raise Refused("the SQL statement is nested too deeply") from None
    return walk.usage()


def schemas_of(usage: Usage) -> tuple[str, ...]:
    """The schemas of the tables of a usage, unquoted."""
    found = (re.match(r'"((?:[^"]|"")+)"\.|([^".]+)\.', table) for table in usage)
    return tuple(dict.fromkeys(one[2] or one[1].replace('""', '"') for one in found if one))


@dataclass
class _Source:
    """What a name in FROM gives: its columns, each with the columns of tables that it stands for."""

    name: str
    columns: dict[str, tuple[_Base, ...]] = field(default_factory=dict)


_Scopes = tuple[list[_Source], ...]
"""What names can mean, the innermost query first."""


class _Walk:
    """Goes through one statement and notes every column it meets."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._found: dict[str, dict[Use, dict[str, None]]] = {}
        self._with: list[_Source] = []

    def usage(self) -> dict[str, dict[str, tuple[str, ...]]]:
        result: dict[str, dict[str, tuple[str, ...]]] = {}
        for table, uses in sorted(self._found.items()):
            elsewhere = {column for use, columns in uses.items() if use != "reads" for column in columns}
            told = {
                str(use): tuple(sorted(c for c in cs if use != "reads" or c not in elsewhere))
                for use, cs in uses.items()
            }
            result[table] = {use: columns for use, columns in sorted(told.items()) if columns}
        return result

    def query(self, tree: Any, outer: _Scopes) -> list[tuple[str, tuple[_Base, ...]]]:
        """Visit a statement; gives its output columns."""
        known = len(self._with)
        if _kind(tree) in _QUERIES and tree.HasField("with_clause"):
            self._common(tree.with_clause, outer)
        visit = getattr(self, f"_at_{_kind(tree)}", None)
        outputs: list[tuple[str, tuple[_Base, ...]]] = visit(tree, outer) if visit is not None else []
        del self._with[known:]
        return outputs

    # Statements.

    def _at_SelectStmt(self, tree: Any, outer: _Scopes) -> list[tuple[str, tuple[_Base, ...]]]:  # noqa: N802
        if tree.op != pb.SETOP_NONE:
            left, right = self.query(tree.larg, outer), self.query(tree.rarg, outer)
            outputs = [
                (name, (*bases, *right[at][1]) if at < len(right) else bases) for at, (name, bases) in enumerate(left)
            ]
            self._order(tree.sort_clause, outputs, outer)
            return outputs
        scopes = self._from(tree.from_clause, outer)
        self._condition(tree.where_clause, scopes)
        outputs = self._targets(tree.target_list, scopes)
        for values in tree.values_lists:
            self._expression(values, "reads", scopes)
        for one in tree.group_clause:
            self._named(one, "groups", outputs, scopes)
        self._expression(tree.having_clause, "reads", scopes)
        for one in tree.distinct_clause:
            self._named(one, "sorts", outputs, scopes)
        for one in tree.window_clause:
            self._expression(one, "reads", scopes)
        self._order(tree.sort_clause, outputs, scopes)
        self._expression(tree.limit_count, "reads", scopes)
        self._expression(tree.limit_offset, "reads", scopes)
        return outputs

    def _at_InsertStmt(self, tree: Any, outer: _Scopes) -> list[tuple[str, tuple[_Base, ...]]]:  # noqa: N802
        target = self._table(tree.relation)
        names = [_bare(one).name for one in tree.cols] or list(target.columns)
        for name in names:
            self._note("writes", target.columns.get(name, ()))
        if tree.HasField("select_stmt"):
            self.query(_bare(tree.select_stmt), outer)
        scopes: _Scopes = ([target], *outer)
        if tree.HasField("on_conflict_clause"):
            clause = tree.on_conflict_clause
            for element in clause.infer.index_elems:
                self._note("filters", target.columns.get(_bare(element).name, ()))
                self._expression(_bare(element).expr, "filters", scopes)
            excluded: _Scopes = ([target, _Source("excluded", dict.fromkeys(target.columns, ()))], *outer)
            self._set(clause.target_list, target, excluded)
            self._condition(clause.where_clause, excluded)
        return self._returning(tree, scopes)

    def _at_UpdateStmt(self, tree: Any, outer: _Scopes) -> list[tuple[str, tuple[_Base, ...]]]:  # noqa: N802
        target = self._table(tree.relation)
        scopes: _Scopes = ([target, *self._from(tree.from_clause, outer)[0]], *outer)
        self._set(tree.target_list, target, scopes)
        self._condition(tree.where_clause, scopes)
        return self._returning(tree, scopes)

    def _at_DeleteStmt(self, tree: Any, outer: _Scopes) -> list[tuple[str, tuple[_Base, ...]]]:  # noqa: N802
        target = self._table(tree.relation)
        scopes: _Scopes = ([target, *self._from(tree.using_clause, outer)[0]], *outer)
        self._condition(tree.where_clause, scopes)
        return self._returning(tree, scopes)

    def _at_MergeStmt(self, tree: Any, outer: _Scopes) -> list[tuple[str, tuple[_Base, ...]]]:  # noqa: N802
        target = self._table(tree.relation)
        scopes: _Scopes = ([target, *self._from([tree.source_relation], outer)[0]], *outer)
        self._condition(tree.join_condition, scopes)
        for one in tree.merge_when_clauses:
            clause = _bare(one)
            self._condition(clause.condition, scopes)
            self._set(clause.target_list, target, scopes)
            if not clause.target_list:  # INSERT VALUES means the first columns
                for name in list(target.columns)[: len(clause.values)]:
                    self._note("writes", target.columns[name])
            for value in clause.values:
                self._expression(value, "reads", scopes)
        return self._returning(tree, scopes)

    def _set(self, targets: Iterable[Any], target: _Source, scopes: _Scopes) -> None:
        for one in targets:
            self._note("writes", target.columns.get(_bare(one).name, ()))
            self._expression(_bare(one).val, "reads", scopes)

    def _returning(self, tree: Any, scopes: _Scopes) -> list[tuple[str, tuple[_Base, ...]]]:
        return self._targets(tree.returning_clause.exprs, scopes) if tree.HasField("returning_clause") else []

    def _common(self, clause: Any, outer: _Scopes) -> None:
        for one in clause.ctes:
            cte = _bare(one)
            if clause.recursive:  # its own name means itself inside; what that gives is known afterwards
                self._with.append(_Source(cte.ctename))
            outputs = self.query(_bare(cte.ctequery), outer)
            self._with.append(_Source(cte.ctename, _renamed(outputs, cte.aliascolnames)))

    # FROM.

    def _from(self, clause: Iterable[Any], outer: _Scopes) -> _Scopes:
        sources: list[_Source] = []
        scopes: _Scopes = (sources, *outer)  # grows while it is read: LATERAL sees what stands before
        for one in clause:
            self._source(_bare(one), sources, scopes)
        return scopes

    def _source(self, node: Any, sources: list[_Source], scopes: _Scopes) -> None:
        kind = _kind(node)
        if kind == "RangeVar":
            sources.append(self._table(node))
        elif kind == "RangeSubselect":
            outputs = self.query(_bare(node.subquery), scopes)
            sources.append(_Source(node.alias.aliasname, _renamed(outputs, node.alias.colnames)))
        elif kind == "JoinExpr":
            before = len(sources)
            self._source(_bare(node.larg), sources, scopes)
            middle = len(sources)
            self._source(_bare(node.rarg), sources, scopes)
            left, right = sources[before:middle], sources[middle:]
            names = [_text(one) for one in node.using_clause]
            if node.is_natural:
                names = [name for name in _names(left) if name in set(_names(right))]
            for name in names:
                for source in (*left, *right):
                    self._note("joins", source.columns.get(name, ()))
            self._condition(node.quals, scopes)
        elif kind == "RangeTableSample":
            self._source(_bare(node.relation), sources, scopes)
        else:
            self._expression(node, "reads", scopes)
            if alias := getattr(node, "alias", None):
                sources.append(_Source(alias.aliasname))

    def _table(self, node: Any) -> _Source:
        name = node.alias.aliasname or node.relname
        if not node.schemaname:
            for source in reversed(self._with):
                if source.name == node.relname:
                    return _Source(name, _renamed(list(source.columns.items()), node.alias.colnames))
        table = self._find(node.schemaname or None, node.relname)
        if table is None:
            return _Source(name)
        told = qualified(table.schema, table.name)
        self._found.setdefault(told, defaultdict(dict))
        columns = [(column, ((told, column),)) for column in table.columns]
        return _Source(name, _renamed(columns, node.alias.colnames))

    # Expressions.

    def _targets(self, targets: Iterable[Any], scopes: _Scopes) -> list[tuple[str, tuple[_Base, ...]]]:
        outputs: list[tuple[str, tuple[_Base, ...]]] = []
        for one in targets:
            target = _bare(one)
            value = _bare(target.val)
            if _kind(value) == "ColumnRef":
                columns = list(self._columns(value, scopes))
                for _, bases in columns:
                    self._note("reads", bases)
                outputs += [(target.name or name, bases) for name, bases in columns]
            else:
                self._expression(value, "reads", scopes)
                outputs.append((target.name, ()))
        return outputs

    def _condition(self, node: Any, scopes: _Scopes) -> None:
        """A WHERE or ON: columns that are compared with columns of other tables join, all others filter."""
        node = _bare(node)
        kind = _kind(node)
        if kind == "BoolExpr":
            for one in node.args:
                self._condition(one, scopes)
        elif kind == "A_Expr":
            left, right = self._sides(node.lexpr, scopes), self._sides(node.rexpr, scopes)
            apart = left and right and {table for table, _ in left}.isdisjoint(table for table, _ in right)
            use: Use = "joins" if apart or self._same_table_twice(node, scopes) else "filters"
            self._expression(node.lexpr, use, scopes)
            self._expression(node.rexpr, use, scopes)
        else:
            self._expression(node, "filters", scopes)

    def _same_table_twice(self, node: Any, scopes: _Scopes) -> bool:
        """Whether two columns are compared that come by different aliases."""
        sides = [_bare(node.lexpr), _bare(node.rexpr)]
        if any(_kind(side) != "ColumnRef" or len(side.fields) < 2 for side in sides):
            return False
        if not all(self._sides(side, scopes) for side in sides):
            return False
        return _text(sides[0].fields[-2]) != _text(sides[1].fields[-2])

    def _sides(self, node: Any, scopes: _Scopes) -> list[_Base]:
        """The columns of tables that one side of a comparison names outside of subqueries."""
        return [
            base for ref in _below(_bare(node)) if _kind(ref) == "ColumnRef"
            for _, bases in self._columns(ref, scopes) for base in bases
        ]  # fmt: skip

    def _expression(self, node: Any, use: Use, scopes: _Scopes) -> None:
        """Note every column of an expression."""
        waiting = [_bare(node)]
        while waiting:
            one = waiting.pop()
            kind = _kind(one)
            if kind == "ColumnRef":
                for _, bases in self._columns(one, scopes):
                    self._note(use, bases)
            elif kind == "SubLink":
                outputs = self.query(_bare(one.subselect), scopes)
                tested = _bare(one.testexpr)
                if use == "filters" and one.HasField("testexpr") and outputs:
                    ours, its = tuple(self._sides(tested, scopes)), outputs[0][1]
                    self._note("joins" if ours and its else use, (*ours, *its))
                elif one.HasField("testexpr"):
                    waiting.append(tested)
            elif kind == "WindowDef":
                for part in (*one.partition_clause, *one.order_clause):
                    self._expression(part, "sorts", scopes)
            elif kind in _QUERIES:
                self.query(one, scopes)
            else:
                waiting += _children(one)

    def _order(self, clause: Iterable[Any], outputs: Sequence[tuple[str, tuple[_Base, ...]]], scopes: _Scopes) -> None:
        for one in clause:
            self._named(_bare(one).node, "sorts", outputs, scopes)

    def _named(self, node: Any, use: Use, outputs: Sequence[tuple[str, tuple[_Base, ...]]], scopes: _Scopes) -> None:
        """An item of GROUP BY, ORDER BY or DISTINCT ON: a number or a name of an output, or an expression."""
        node = _bare(node)
        if _kind(node) == "A_Const" and node.WhichOneof("val") == "ival":
            at = node.ival.ival
            if 1 <= at <= len(outputs):
                self._note(use, outputs[at - 1][1])
            return
        if _kind(node) == "ColumnRef" and len(node.fields) == 1 and use == "sorts":
            found = [bases for name, bases in outputs if name == _text(node.fields[0])]
            if found:
                self._note(use, found[0])
                return
        self._expression(node, use, scopes)

    def _columns(self, ref: Any, scopes: _Scopes) -> Iterator[tuple[str, tuple[_Base, ...]]]:
        """Names and origins of the columns that a reference means; several for a star, none when it is not known."""
        parts = [_text(one) for one in ref.fields]
        star = _kind(_bare(ref.fields[-1])) == "A_Star"
        qualifier = parts[-2] if len(parts) > 1 else None
        for sources in scopes:
            matching = [source for source in sources if qualifier is None or source.name == qualifier]
            if star and matching:
                for source in matching:
                    yield from source.columns.items()
                return
            for source in matching:
                if parts[-1] in source.columns:
                    yield parts[-1], source.columns[parts[-1]]
                    return
            if qualifier is None and len(parts) == 1:
                whole = [source for source in sources if source.name == parts[0]]
                if whole:  # the row as a whole
                    yield from whole[0].columns.items()
                    return

    def _note(self, use: Use, bases: Iterable[_Base]) -> None:
        for table, column in bases:
            self._found[table][use][column] = None


def _renamed(outputs: Sequence[tuple[str, tuple[_Base, ...]]], names: Sequence[Any]) -> dict[str, tuple[_Base, ...]]:
    told = [_text(one) for one in names]
    return {told[at] if at < len(told) else name: bases for at, (name, bases) in enumerate(outputs)}


def _names(sources: Iterable[_Source]) -> list[str]:
    return [name for source in sources for name in source.columns]


def _below(node: Any) -> Iterator[Any]:
    """A node and all below it, but not what is in a subquery."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        if _kind(one) != "SubLink":
            waiting += _children(one)


def _children(node: Any) -> list[Any]:
    found: list[Any] = []
    for descriptor, value in node.ListFields():
        if descriptor.message_type is not None:
            found += map(_bare, value if descriptor.is_repeated else [value])
    return found


def _bare(node: Any) -> Any:
    return statement_node(node) if _kind(node) == "Node" else node


def _kind(node: Any) -> str:
    return str(node.DESCRIPTOR.name)


def _text(node: Any) -> str:
    """The text of a String node, "" for others."""
    bare = _bare(node)
    return str(bare.sval) if _kind(bare) == "String" else ""
