"""Full names for everything that a statement names, so that it means the same under any search_path.

Steps run with a search_path of pg_catalog alone: relations, types, functions, operator classes and collations that
are not PostgreSQL's own get the schema in which the connected session finds them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database import Database
from postai.database.identifiers import qualified
from postai.database.named_sql import load
from postai.sql.nodes import messages

_SEQUENCE_FUNCTIONS = frozenset({"nextval", "currval", "setval"})
_SERIAL = frozenset({"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"})
_RELATIONS = frozenset(
    {pb.OBJECT_TABLE, pb.OBJECT_INDEX, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_SEQUENCE, pb.OBJECT_FOREIGN_TABLE}
)
_PARTS = frozenset({pb.OBJECT_COLUMN, pb.OBJECT_TABCONSTRAINT, pb.OBJECT_TRIGGER, pb.OBJECT_POLICY, pb.OBJECT_RULE})
_TYPES = frozenset({pb.OBJECT_TYPE, pb.OBJECT_DOMAIN})

_Mention = tuple[str, Any, int]
"""Kind of a name, the list of its parts in the tree, and how many of the last parts belong to something inside it."""


class Names:
    """Schemas of the names of one text.

    Args:
        db: session whose search_path says what an unqualified name means.
        trees: statements of the whole text.
    """

    def __init__(self, db: Database, trees: Iterable[Any]) -> None:
        wanted = sorted({place for tree in trees for place in _wanted(tree)})
        asked = json.dumps([{"kind": kind, "name": name} for kind, name in wanted])
        self._found: dict[tuple[str, str], str] = {}
        for kind, name, schema in db.query(load(__package__, "picture.sql")["names"], [asked]):
            if schema is not None:
                self._found[kind, name] = schema
        self.creation: str = db.query("select pg_catalog.current_schema()")[0][0] or "public"

    def relation(self, name: str) -> str | None:
        """The schema in which an unqualified relation is found."""
        return self._found.get(("relation", name))

    def of_server(self, type_name: Any) -> bool:
        """Whether a TypeName stands for a type of PostgreSQL's own."""
        first = type_name.names[0].string.sval
        return first == "pg_catalog" or (len(type_name.names) == 1 and self._found.get(("type", first)) == "pg_catalog")

    def made(self, kind: str, name: str, schema: str) -> None:
        """Something of that name exists from now on; it hides what the search_path finds later."""
        if schema == self.creation or (kind, name) not in self._found:
            self._found[kind, name] = schema

    def gone(self, kind: str, name: str, schema: str) -> None:
        """It was dropped, renamed or moved."""
        if self._found.get((kind, name)) == schema:
            del self._found[kind, name]

    def qualify(self, tree: Any) -> None:
        """Write the schemas into a statement; what is not found stays as it is."""
        own = {node.ctename for node in messages(tree) if node.DESCRIPTOR.name == "CommonTableExpr"}
        made = _made(tree)
        for node in list(messages(tree)):
            kind = node.DESCRIPTOR.name
            if kind == "RangeVar" and not node.schemaname and node.relname not in own and node.relpersistence != "t":
                schema = self.creation if node is made or _same(node, made) else self.relation(node.relname)
                node.schemaname = schema or ""
            elif kind == "FuncCall" and (constant := _sequence(node)) is not None:
                schema = self.relation(constant.sval.sval)
                if schema is not None:
                    constant.sval.sval = qualified(schema, constant.sval.sval)
        for kind, parts, tail in list(_mentioned(tree)):
            if len(parts) == 1 + tail:
                name = parts[0].string.sval
                schema = self.creation if kind.startswith("new ") else self._found.get((kind, name))
                if schema is not None and schema != "pg_catalog":
                    rest = [one.string.sval for one in parts]
                    del parts[:]
                    for one in (schema, *rest):
                        parts.add().string.sval = one


def _same(node: Any, made: Any) -> bool:
    return made is not None and bool(node == made)


def _made(tree: Any) -> Any:
    """The name of the relation that a statement makes."""
    kind = tree.DESCRIPTOR.name
    field = {"CreateStmt": "relation", "ViewStmt": "view", "CreateSeqStmt": "sequence", "CompositeTypeStmt": "typevar"}
    if kind == "CreateTableAsStmt":
        return tree.into.rel
    if kind == "SelectStmt" and tree.HasField("into_clause"):
        return tree.into_clause.rel
    return getattr(tree, field[kind]) if kind in field else None


def _wanted(tree: Any) -> Iterator[tuple[str, str]]:
    for node in messages(tree):
        kind = node.DESCRIPTOR.name
        if kind == "RangeVar" and not node.schemaname:
            yield "relation", node.relname
        elif kind == "FuncCall":
            yield "function", node.funcname[-1].string.sval
            if (constant := _sequence(node)) is not None:
                yield "relation", constant.sval.sval
    for kind, parts, tail in _mentioned(tree):
        if len(parts) == 1 + tail:
            yield kind.removeprefix("new "), parts[0].string.sval


def _sequence(call: Any) -> Any:
    """The constant that names the sequence of nextval('...') without its schema; None for all else."""
    if call.funcname[-1].string.sval not in _SEQUENCE_FUNCTIONS or not call.args:
        return None
    first = call.args[0]
    node = first.type_cast.arg if first.WhichOneof("node") == "type_cast" else first
    if node.WhichOneof("node") != "a_const" or not node.a_const.HasField("sval"):
        return None
    name = node.a_const.sval.sval
    return None if "." in name or '"' in name else node.a_const


def _mentioned(tree: Any) -> Iterator[_Mention]:
    """Every list of name parts but columns; "new X" stands for what the statement makes."""
    for node in messages(tree):
        kind = node.DESCRIPTOR.name
        if kind == "TypeName" and node.names and node.names[0].string.sval not in _SERIAL:
            yield "type", node.names, 0
        elif kind == "FuncCall":
            yield "function", node.funcname, 0
        elif kind == "ObjectWithArgs":
            yield "function", node.objname, 0
        elif kind == "IndexElem":
            yield "opclass", node.opclass, 0
            yield "collation", node.collation, 0
        elif kind == "CollateClause":
            yield "collation", node.collname, 0
    kind = tree.DESCRIPTOR.name
    for one in tree.options if kind in ("CreateSeqStmt", "AlterSeqStmt") else ():
        if one.def_elem.defname == "owned_by" and len(one.def_elem.arg.list.items) > 1:
            yield "relation", one.def_elem.arg.list.items, 1
    if kind == "DropStmt":
        for one in tree.objects:
            yield from _object(tree.remove_type, one)
    elif kind == "CommentStmt":
        yield from _object(tree.objtype, tree.object)
    elif kind in ("RenameStmt", "AlterObjectSchemaStmt") and tree.HasField("object"):
        yield from _object(tree.rename_type if kind == "RenameStmt" else tree.object_type, tree.object)
    fields = {
        "CreateTrigStmt": ("function", "funcname"), "AlterEnumStmt": ("type", "type_name"),
        "AlterDomainStmt": ("type", "type_name"), "CreateEnumStmt": ("new type", "type_name"),
        "CreateDomainStmt": ("new type", "domainname"), "CreateFunctionStmt": ("new function", "funcname"),
        "CreateStatsStmt": ("new statistics", "defnames"), "AlterStatsStmt": ("statistics", "defnames"),
    }  # fmt: skip
    if kind in fields:
        word, field = fields[kind]
        yield word, getattr(tree, field), 0


def _object(kind: int, node: Any) -> Iterator[_Mention]:
    if node.WhichOneof("node") == "list":
        parts = node.list.items
        if kind in _RELATIONS:
            yield "relation", parts, 0
        elif kind in _TYPES:
            yield "type", parts, 0
        elif kind == pb.OBJECT_STATISTIC_EXT:
            yield "statistics", parts, 0
        elif kind in _PARTS:
            yield "relation", parts, 1
