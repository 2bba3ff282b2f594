"""What the planner knows of the relations that a text names: read once, then kept in step with the statements.

Definitions are read with a search_path of pg_catalog, so every name in them carries its schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from postai.database import Database
from postai.database.identifiers import qualified
from postai.database.named_sql import load


@dataclass
class Column:
    """One column.

    `type` as format_type writes it ("" = not known), `extras` = storage, statistics or compression of its own,
    `ordered` = PostgreSQL's own comparisons order its values as its indexes do, `fresh` = the text makes, renames or
    replaces it.
    """

    number: int
    name: str
    type: str
    type_oid: int = 0
    typmod: int = -1
    not_null: bool = False
    default: str | None = None
    identity: str = ""
    generated: str = ""
    collation: str | None = None
    granted: bool = False
    comment: str | None = None
    inherited: bool = False
    extras: bool = False
    sequence: str | None = None
    ordered: bool = True
    fresh: bool = False


@dataclass
class Constraint:
    """One constraint; `kind` as in pg_constraint.contype, `table` the qualified relation it is of.

    `fresh`: the text itself makes it; its definition is as written there, and means another thing with another type.
    """

    name: str
    kind: str
    definition: str
    valid: bool
    deferrable: bool
    deferred: bool
    columns: tuple[int, ...]
    index_oid: int
    referenced_oid: int
    inherited: bool
    table_oid: int
    table: str
    referenced_columns: tuple[int, ...] = ()
    comment: str | None = None
    no_inherit: bool = False
    table_kind: str = "r"
    fresh: bool = False


@dataclass
class Index:
    """One index; `keys` are column numbers (0 = an expression), `constraint` the name of the one it serves."""

    oid: int
    schema: str
    name: str
    definition: str
    valid: bool
    unique: bool
    primary: bool
    keys: tuple[int, ...]
    key_count: int
    partial: bool
    expressions: bool
    parent_oid: int | None
    partitioned: bool
    constraint: str | None
    comment: str | None
    clustered: bool
    identity: bool
    exclusion: bool
    bytes: int
    immediate: bool = True

    @property
    def full_name(self) -> str:
        """Qualified, quoted name."""
        return qualified(self.schema, self.name)


@dataclass
class Relation:
    """One relation.

    Attributes:
        kind: as in pg_class.relkind.
        rows, bytes: by the statistics; None = unknown.
        hidden: row level security is forced on its owner, so that batches would not see all rows.
        new: the text itself makes it: nobody uses it yet and it needs no online form.
        blurred: a statement changed it in a way that is not followed; later ones are left as they are.
        written: a statement of the text writes its rows or renames it, so that its rows now prove nothing.
        others: kind and name of what depends on a column (its number; 0 = the whole relation).
        triggers: name, columns of UPDATE OF, fires on UPDATE, fires on DELETE.
    """

    oid: int
    schema: str
    name: str
    kind: str
    persistence: str = "p"
    rows: int | None = None
    bytes: int | None = None
    parent_oid: int | None = None
    partition: bool = False
    bound: str | None = None
    key: str | None = None
    strategy: str | None = None
    key_columns: tuple[int, ...] = ()
    populated: bool = True
    row_security: bool = False
    replica_identity: str = "d"
    detach_pending: bool = False
    hidden: bool = False
    new: bool = False
    blurred: bool = False
    written: bool = False
    columns: list[Column] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    triggers: list[tuple[str, tuple[int, ...], bool, bool]] = field(default_factory=list)
    others: list[tuple[int, str, str]] = field(default_factory=list)
    children: list[Relation] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        """Qualified, quoted name."""
        return qualified(self.schema, self.name)

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((one for one in self.columns if one.name == name), None)

    def constraint(self, name: str) -> Constraint | None:
        """Its own constraint of that name."""
        return next((one for one in self.constraints if one.name == name and one.table_oid == self.oid), None)

    def named(self, numbers: Sequence[int]) -> list[str]:
        """Names of columns by their numbers; what is not a column is left out."""
        by_number = {one.number: one.name for one in self.columns}
        return [by_number[number] for number in numbers if number in by_number]

    def leaves(self) -> list[Relation]:
        """The relations below it that hold rows, or itself."""
        if self.kind != "p":
            return [self]
        return [leaf for child in self.children for leaf in child.leaves()]

    def below(self) -> list[Relation]:
        """All partitions and children, those of a level before the next one's."""
        found: list[Relation] = []
        waiting = list(self.children)
        while waiting:
            one = waiting.pop(0)
            found.append(one)
            waiting.extend(one.children)
        return found

    @property
    def no_key(self) -> str:
        """Why there is no key to walk along, a predicate: "<table> has ..."."""
        if self.hidden:
            return "hides rows from its owner (FORCE ROW LEVEL SECURITY)"
        return "has no unique key without NULLs, of types with PostgreSQL's own order, to walk along"

    def key_of_rows(self) -> tuple[str, ...]:
        """Columns of the primary key, or of another unique key without NULLs, to walk along; () = none."""
        if self.hidden:
            return ()
        usable = [
            one
            for one in self.indexes
            if one.unique and one.valid and one.immediate and not one.partial and not one.expressions
            and all(
                column.not_null and column.ordered
                for column in self.columns if column.number in one.keys[: one.key_count]
            )
        ]  # fmt: skip
        usable.sort(key=lambda one: (not one.primary, one.key_count))
        return tuple(self.named(usable[0].keys[: usable[0].key_count])) if usable else ()


class Picture:
    """The relations of a text, by schema and name.

    Args:
        db: session to read with; what it may see is what is known.
        names: (schema, name) of the relations that the text names.
        schemas: where new objects could be made, beside those of the relations.
    """

    def __init__(self, db: Database, names: Iterable[tuple[str, str]], schemas: Iterable[str]) -> None:
        self._sql = load(__package__, "picture.sql")
        self.by_oid: dict[int, Relation] = {}
        self._by_name: dict[tuple[str, str], Relation] = {}
        asked = json.dumps([{"schema": schema, "name": name} for schema, name in sorted(set(names))])
        with db.transaction():
            db.execute("set local search_path = pg_catalog, pg_temp")
            db.execute("set local lock_timeout = '2s'")
            oids = [oid for (oid,) in db.query(self._sql["related"], [asked])]
            self._read(db, oids)
            places = sorted({one.schema for one in self.by_oid.values()} | set(schemas))
            self._taken = {tuple(row) for row in db.query(self._sql["taken"], [places, places])}

    def _read(self, db: Database, oids: list[int]) -> None:
        for row in db.query(self._sql["relations"], [oids]):
            one = Relation(*row)
            one.rows = None if row[5] < 0 else int(row[5])
            one.key_columns = tuple(row[12] or ())
            self.by_oid[one.oid] = one
            self._by_name[one.schema, one.name] = one
        for row in db.query(self._sql["columns"], [oids]):
            self.by_oid[row[0]].columns.append(Column(*row[1:]))
        for row in db.query(self._sql["constraints"], [oids, oids]):
            (_, table, name, kind, text, valid, deferrable, deferred, columns, index, other, inherited, *rest) = row
            schema, relation, other_columns, comment, no_inherit, derived, table_kind = rest
            constraint = Constraint(
                name, kind, text, valid, deferrable, deferred, tuple(columns or ()), index, other,
                inherited or derived, table, qualified(schema, relation), tuple(other_columns or ()), comment,
                no_inherit, table_kind,
            )  # fmt: skip
            for oid in {table, other if kind == "f" else table}:
                if oid in self.by_oid:
                    self.by_oid[oid].constraints.append(constraint)
        for table, *shape in db.query(self._sql["indexes"], [oids]):
            self.by_oid[table].indexes.append(_index(shape))
        for table, name, columns, update, delete, inherited in db.query(self._sql["triggers"], [oids]):
            if not inherited:
                self.by_oid[table].triggers.append((name, tuple(columns), update, delete))
        for table, number, kind, name in db.query(self._sql["dependents"], [oids, oids]):
            self.by_oid[table].others.append((number, kind, name))
        for one in self.by_oid.values():
            if one.parent_oid in self.by_oid and not one.detach_pending:
                self.by_oid[one.parent_oid].children.append(one)
        for one in self.by_oid.values():
            one.children.sort(key=lambda child: child.full_name)
            if one.kind == "p":
                known = [leaf.rows for leaf in one.leaves() if leaf.rows is not None]
                one.rows = sum(known) if known else one.rows
                one.bytes = sum(leaf.bytes or 0 for leaf in one.leaves())

    def find(self, schema: str, name: str) -> Relation | None:
        """The relation of that name; None = it is not known."""
        return self._by_name.get((schema, name))

    def index(self, schema: str, name: str) -> tuple[Relation, Index] | None:
        """The index of that name with its table."""
        for relation in self.by_oid.values():
            for index in relation.indexes:
                if (index.schema, index.name) == (schema, name):
                    return relation, index
        return None

    def index_by_oid(self, oid: int) -> tuple[Relation, Index] | None:
        """The index with that oid and its table."""
        for relation in self.by_oid.values():
            for index in relation.indexes:
                if index.oid == oid:
                    return relation, index
        return None

    def taken(self, schema: str, name: str, *, constraint: bool) -> bool:
        """Whether a name is used by a relation of the schema (or, if asked, by a constraint)."""
        return (schema, "relation", name) in self._taken or (constraint and (schema, "constraint", name) in self._taken)

    def constraint_taken(self, schema: str, name: str) -> bool:
        """Whether a constraint of the schema has that name."""
        return (schema, "constraint", name) in self._taken

    def take(self, schema: str, kind: str, name: str) -> None:
        """Note that a name ("relation" or "constraint") is used from now on."""
        self._taken.add((schema, kind, name))

    def release(self, schema: str, kind: str, name: str) -> None:
        """Note that a name is free again."""
        self._taken.discard((schema, kind, name))

    def add(self, relation: Relation) -> None:
        """Note a relation that the text makes."""
        self._by_name[relation.schema, relation.name] = relation
        self.take(relation.schema, "relation", relation.name)

    def forget(self, relation: Relation) -> None:
        """Note that it is gone."""
        self._by_name.pop((relation.schema, relation.name), None)
        self.release(relation.schema, "relation", relation.name)
        for one in relation.constraints:
            if one.table_oid == relation.oid:
                self.release(relation.schema, "constraint", one.name)
        for index in relation.indexes:
            self.release(index.schema, "relation", index.name)

    def renamed(self, relation: Relation, schema: str, name: str) -> None:
        """Note its new name."""
        self._by_name.pop((relation.schema, relation.name), None)
        self.release(relation.schema, "relation", relation.name)
        relation.schema, relation.name, relation.written = schema, name, True
        self.add(relation)


def _index(row: Sequence[Any]) -> Index:
    (oid, schema, name, text, valid, unique, primary, keys, partial, expressions, parent, partitioned, constraint,
     comment, clustered, identity, exclusion, size, key_count, immediate) = row  # fmt: skip
    return Index(
        oid, schema, name, text, valid, unique, primary, tuple(keys), key_count, partial, expressions, parent,
        partitioned, constraint, comment, clustered, identity, exclusion, size, immediate,
    )  # fmt: skip
