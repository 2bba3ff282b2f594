"""Statements made to speak of a copy whose schemas have other names: names are changed in the parse tree.

Unlike `redirect`, which changes queries, this reaches every name that any statement can hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.database import Database, ServerError, named_sql
from postai.database.identifiers import quote_ident
from postai.errors import Refused
from postai.sql.nodes import messages
from postai.sql.parse import parse_one, statement_node, write

OWN = frozenset({"pg_catalog", "information_schema", "pg_temp", "pg_toast"})
_WRITTEN = re.compile(r'(?:"((?:[^"]|"")+)"|([a-z_][a-z0-9_$]*))\.(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)')
_PLAIN_TEXTS = frozenset({"vals", "args", "colnames", "aliascolnames"})
"""Fields whose strings are no names of objects: labels of an enumeration, arguments of a trigger, aliases."""


class Renaming:
    """Real schemas and the schemas of their copies.

    Args:
        prefix: of the copies' names.
        kept: (schema, name) of objects that are not copied, members of extensions.
        bare: names of such objects that are found without a schema -> their schema.
        lend: makes a schema for the role that may make none itself; None = it may.

    Attributes:
        lend: as given.
    """

    def __init__(
        self,
        prefix: str,
        kept: frozenset[tuple[str, str]],
        bare: Mapping[str, str],
        lend: Callable[[str], None] | None = None,
    ) -> None:
        self.lend = lend
        self._prefix = prefix
        self._kept = kept
        self._bare = bare
        self._places: dict[str, str] = {}

    @classmethod
    def of(cls, db: Database, prefix: str, path: Iterable[str], lend: Callable[[str], None] | None = None) -> Renaming:
        """One for the extensions that a database has and a search_path finds."""
        rows = db.query(named_sql.load(__package__, "scratch_schema.sql")["extension_objects"])
        kept = frozenset((schema, name) for schema, name, _ in rows)
        own = [(schema, name) for schema, name, alone in rows if alone]
        bare = {name: place for place in reversed(tuple(path)) for schema, name in own if schema == place}
        return cls(prefix, kept, bare, lend)

    @property
    def places(self) -> tuple[str, ...]:
        """The copies' schemas."""
        return tuple(self._places.values())

    def place(self, schema: str) -> str:
        """The schema of the copy; PostgreSQL's own stay as they are."""
        if schema in OWN:
            return schema
        return self._places.setdefault(schema, f"{self._prefix}{len(self._places)}")

    def make_place(self, session: Database, schema: str, *, fresh: bool = False) -> None:
        """Make the schema of the copy, where the copies are.

        Args:
            session: a session there.
            schema: the real one.
            fresh: whether one that is there already is an error, as of CREATE SCHEMA without IF NOT EXISTS.
        """
        place = self.place(schema)
        if self.lend is None:
            session.execute(f"create schema {'' if fresh else 'if not exists '}{quote_ident(place)}")
            return
        try:
            self.lend(place)
        except ServerError as error:
            if fresh or error.sqlstate != "42P06":
                raise

    def run(self, session: Database, given: Message, text: str) -> None:
        """Run a statement where the copies are.

        Args:
            session: a session there.
            given: the statement about the real schemas.
            text: the same for the copies, see `tree`.

        Raises:
            ServerError: PostgreSQL refuses it.
        """
        tree: Any = given
        if self.lend is None or tree.DESCRIPTOR.name != "CreateSchemaStmt":
            session.execute(text)
        else:
            self.make_place(session, tree.schemaname, fresh=not tree.if_not_exists)

    def real(self, place: str) -> str:
        """The schema that this one stands for."""
        return next((real for real, own in self._places.items() if own == place), place)

    def readable(self, text: str) -> str:
        """A message of the server in the words of the real schemas."""
        for real, own in self._places.items():
            text = re.sub(rf"\b{re.escape(own)}\b", real.replace("\\", r"\\"), text)
        return text

    def statement(self, text: str) -> str:
        """The statement for the copy.

        Raises:
            Refused: it cannot be parsed, or not be written back faithfully.
        """
        return self.tree(parse_one(text).tree)

    def tree(self, given: Message, *, strict: bool = False) -> str:
        """As `statement`, of a node, which stays as it is.

        Args:
            given: the node.
            strict: whether to refuse relations that are not copied.
        """
        tree: Any = type(given)()
        tree.CopyFrom(given)
        for node in messages(tree):
            kind = node.DESCRIPTOR.name
            if kind in ("RangeVar", "CreateSchemaStmt") and node.schemaname:
                name = getattr(node, "relname", "")
                if strict and (node.schemaname, name) in self._kept:
                    raise Refused(f"{node.schemaname}.{name} belongs to an extension and is not copied")
                node.schemaname = self._moved(node.schemaname, name)
            elif kind == "A_Const" and node.WhichOneof("val") == "sval":
                node.sval.sval = self._in_text(node.sval.sval)
            for field, parts in _names(node):
                self._name(kind, field, parts, getattr(node, field))
        self._schemas(tree)
        return write(tree)

    def _moved(self, schema: str, name: str) -> str:
        return schema if (schema, name) in self._kept else self.place(schema)

    def _name(self, kind: str, field: str, parts: list[Any], whole: Any) -> None:
        """A name as a list of its parts."""
        if field in _PLAIN_TEXTS:
            return
        if len(parts) == 1 and _may_be_bare(kind, field):
            schema = self._bare.get(parts[0].sval)
            if schema is not None:
                whole.add().string.sval = parts[0].sval
                parts[0].sval = schema
        elif len(parts) >= (3 if kind == "ColumnRef" else 2) and parts[0].sval in self._places:
            parts[0].sval = self._moved(parts[0].sval, parts[1].sval)

    def _in_text(self, text: str) -> str:
        """A name in a string constant, as in nextval('schema.name')."""
        match = _WRITTEN.fullmatch(text)
        schema = (match[1] or match[2]).replace('""', '"') if match else None
        if match is None or schema not in self._places:
            return text
        return f'"{self.place(schema)}"' + text[match.end(1) + 1 if match[1] else match.end(2) :]

    def _schemas(self, tree: Any) -> None:
        """Schemas that are named as such."""
        kind: str = tree.DESCRIPTOR.name
        if kind == "RenameStmt" and tree.rename_type == pb.OBJECT_SCHEMA:
            tree.subname, tree.newname = self.place(tree.subname), self.place(tree.newname)
        elif kind == "AlterObjectSchemaStmt":
            tree.newschema = self.place(tree.newschema)
        elif kind == "ReindexStmt" and tree.kind == pb.REINDEX_OBJECT_SCHEMA:
            tree.name = self.place(tree.name)
        elif (kind == "DropStmt" and tree.remove_type == pb.OBJECT_SCHEMA) or (
            kind == "GrantStmt" and (tree.objtype == pb.OBJECT_SCHEMA or tree.targtype == pb.ACL_TARGET_ALL_IN_SCHEMA)
        ):
            for one in tree.objects:
                one.string.sval = self.place(one.string.sval)
        elif kind == "CommentStmt" and tree.objtype == pb.OBJECT_SCHEMA:
            tree.object.string.sval = self.place(tree.object.string.sval)


def _may_be_bare(kind: str, field: str) -> bool:
    return (kind, field) in {
        ("TypeName", "names"), ("FuncCall", "funcname"), ("IndexElem", "opclass"), ("CollateClause", "collname"),
        ("A_Expr", "name"), ("CreateTrigStmt", "funcname"),
    }  # fmt: skip


def _names(node: Message) -> Iterator[tuple[str, list[Any]]]:
    """Lists of strings, each with the name of its field."""
    for field, value in node.ListFields():
        if field.message_type is not None and field.is_repeated and field.message_type.name == "Node":
            inner = [statement_node(one) for one in value]
            if inner and all(one.DESCRIPTOR.name == "String" for one in inner):
                yield field.name, inner
