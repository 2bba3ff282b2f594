"""The same statement with another table first in FROM.

HypoPG (1.3.1 at least) writes the columns of index expressions and predicates as those of the first table of a query:
with any other table in front, partial and expression indexes are never chosen. The order of inner joins means nothing
to the planner, so the text is turned until the wanted table comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import postgast
from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.database.catalog_types import Catalog
from postai.sql.parse import parse_one

_MIRRORED = {
    pb.JOIN_INNER: pb.JOIN_INNER,
    pb.JOIN_LEFT: pb.JOIN_RIGHT,
    pb.JOIN_RIGHT: pb.JOIN_LEFT,
    pb.JOIN_FULL: pb.JOIN_FULL,
}


def texts_by_first_table(sql: str, catalog: Catalog, search_path: Sequence[str]) -> dict[int, str]:
    """Oid of a table -> the statement with that table first; tables that cannot come first are left out.

    Args:
        sql: one SELECT.
        catalog: to know tables by.
        search_path: schemas in which its names are looked up.
    """
    tree = parse_one(sql).tree
    if not isinstance(tree, pb.SelectStmt) or not tree.from_clause:
        return {}
    hidden = {one.common_table_expr.ctename for one in tree.with_clause.ctes} if tree.HasField("with_clause") else set()
    found: dict[int, str] = {}
    for number, relation in enumerate(_relations(tree.from_clause)):
        if not relation.schemaname and relation.relname in hidden:
            continue
        schemas = (relation.schemaname,) if relation.schemaname else search_path
        table = next((one for schema in schemas if (one := catalog.table(schema, relation.relname))), None)
        if table is None or table.kind == "view" or table.oid in found:
            continue
        if number == 0 and _leftmost(tree.from_clause[0]) is not None:
            found[table.oid] = sql
        elif (text := _turned(tree, number)) is not None:
            found[table.oid] = text
    return found


def _relations(items: Sequence[Message]) -> Iterator[Message]:
    """Every table named directly in FROM, in order."""
    for item in items:
        if item.WhichOneof("node") == "range_var":
            yield item.range_var
        elif item.WhichOneof("node") == "join_expr":
            yield from _relations([item.join_expr.larg, item.join_expr.rarg])


def _leftmost(item: Message) -> Message | None:
    while item.WhichOneof("node") == "join_expr":
        item = item.join_expr.larg
    return item.range_var if item.WhichOneof("node") == "range_var" else None


def _turned(tree: Message, number: int) -> str | None:
    """The text with the table of that number first; None when FROM holds what has to stay in its place."""
    if any(_is_bound(item) for item in tree.from_clause):
        return None
    select = pb.SelectStmt()
    select.CopyFrom(tree)
    seen = 0
    for place, item in enumerate(select.from_clause):
        inside = sum(1 for _ in _relations([item]))
        if number < seen + inside:
            _turn(item, number - seen)
            items = [select.from_clause[place], *(one for n, one in enumerate(select.from_clause) if n != place)]
            copies = []
            for one in items:
                copied = pb.Node()
                copied.CopyFrom(one)
                copies.append(copied)
            select.ClearField("from_clause")
            select.from_clause.extend(copies)
            break
        seen += inside
    result = pb.ParseResult()
    result.stmts.add().stmt.select_stmt.CopyFrom(select)
    try:
        return str(postgast.deparse(result))
    except postgast.PgQueryError:
        return None


def _is_bound(item: Message) -> bool:
    """Whether an item of FROM may refer to those before it, or its columns depend on the order."""
    kind = item.WhichOneof("node")
    if kind == "join_expr":
        join = item.join_expr
        fixed = join.jointype not in _MIRRORED or join.is_natural
        return bool(fixed or _is_bound(join.larg) or _is_bound(join.rarg))
    if kind == "range_subselect":
        return bool(item.range_subselect.lateral)
    return bool(kind != "range_var")


def _turn(item: Message, number: int) -> None:
    """Mirror joins until the table of that number within the item stands leftmost."""
    while item.WhichOneof("node") == "join_expr":
        join = item.join_expr
        left = sum(1 for _ in _relations([join.larg]))
        if number < left:
            item = join.larg
            continue
        number -= left
        spare = pb.Node()
        spare.CopyFrom(join.larg)
        join.larg.CopyFrom(join.rarg)
        join.rarg.CopyFrom(spare)
        join.jointype = _MIRRORED[join.jointype]
        item = join.larg
