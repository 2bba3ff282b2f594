"""Other names and other schemas; opt-in, a view stays under the old name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.migrate import catalog_conditions as that
from postai.migrate.picture import Constraint, Relation
from postai.migrate.rewrites.columns import usage
from postai.migrate.rewrites.constraints import rename_constraint
from postai.migrate.rewrites.indexes import rename_index
from postai.migrate.rewrites.way_back import listed
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work, full_name, parsed, renamed_columns
from postai.sql.parse import Unparsable, write

_RELATIONS = frozenset({pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_SEQUENCE, pb.OBJECT_FOREIGN_TABLE})


def rename(work: Work, tree: Any) -> list[PlannedStep]:
    """RENAME of whatever it is."""
    if tree.rename_type == pb.OBJECT_COLUMN:
        return _rename_column(work, tree)
    if tree.rename_type == pb.OBJECT_TABCONSTRAINT:
        return rename_constraint(work, tree)
    if tree.rename_type == pb.OBJECT_INDEX:
        return rename_index(work, tree)
    if tree.rename_type == pb.OBJECT_TABLE and tree.HasField("relation"):
        return _rename_table(work, tree)
    if tree.rename_type == pb.OBJECT_SCHEMA:
        work.warn(f"clients that name the schema {tree.subname} get errors from then on")
        undo = f"ALTER SCHEMA {quote_ident(tree.newname)} RENAME TO {quote_ident(tree.subname)}"
        return [work.plain(tree, undo=undo)]
    if tree.HasField("relation") and tree.rename_type in _RELATIONS:
        relation = work.relation(tree.relation)
        if relation is not None:
            old, new = relation.full_name, full_name(relation.schema, tree.newname)
            work.picture.renamed(relation, relation.schema, tree.newname)
            return [work.plain(tree, pre=that.all_of(that.relation(old)), post=that.all_of(that.relation(new)))]
    return [work.plain(tree)]


def _rename_column(work: Work, tree: Any) -> list[PlannedStep]:
    relation = work.relation(tree.relation)
    if relation is None:
        return [work.plain(tree)]
    table, old, new = relation.full_name, quote_ident(tree.subname), quote_ident(tree.newname)
    column = relation.column(tree.subname)
    together: tuple[str, ...] = ()
    if column is not None:
        column.name, column.fresh = tree.newname, True
    _reread_definitions(work, relation, tree.subname, tree.newname)
    for child in relation.below():
        below = child.column(tree.subname)
        if below is not None:
            below.name, below.fresh = tree.newname, True
        _reread_definitions(work, child, tree.subname, tree.newname)
    if not relation.new:
        work.warn(f"clients that name {old} of {table} get errors from the moment it is called {new}")
        usage(work, relation, tree.subname)
        together = _view_of_columns(work, relation, tree.subname, tree.newname)
    known = column is not None and not relation.new
    undo = f"ALTER TABLE {table} RENAME COLUMN {new} TO {old}"
    if together:
        undo = listed(f"DROP VIEW IF EXISTS {full_name(f'{relation.schema}_before', relation.name)}", undo)
    return [
        work.step(
            work.text(tree),
            undo=undo,
            pre=that.all_of(that.column(table, tree.subname)) if known else None,
            post=that.all_of(that.column(table, tree.newname), that.negated(that.column(table, tree.subname))),
            on=relation,
            together=together,
        )
    ]


def _reread_definitions(work: Work, relation: Relation, old: str, new: str) -> None:
    """Texts of indexes and keys name the column as it is called now; expressions are not used any more."""
    relation.blurred = relation.blurred or any(
        one.expressions or one.partial for one in relation.indexes
    ) or any(one.kind == "c" for one in relation.constraints)  # fmt: skip
    _reread_indexes(relation, old, new)
    for one in _keys(work, relation):
        with _definition(relation, one) as key:
            own = (*key.keys, *key.including, *key.fk_attrs, *key.fk_del_set_cols)
            referred = one.referenced_oid == relation.oid
            for name in (*(own if one.table_oid == relation.oid else ()), *(key.pk_attrs if referred else ())):
                name.string.sval = new if name.string.sval == old else name.string.sval


def _reread_names(work: Work, relation: Relation) -> None:
    """Texts of indexes and keys name the table as it is called now."""
    _reread_indexes(relation)
    for one in _keys(work, relation):
        one.table = relation.full_name if one.table_oid == relation.oid else one.table
        if one.referenced_oid == relation.oid:
            with _definition(relation, one) as key:
                key.pktable.schemaname, key.pktable.relname = relation.schema, relation.name


def _reread_indexes(relation: Relation, old: str = "", new: str = "") -> None:
    for index in relation.indexes:
        try:
            tree = renamed_columns(parsed(index.definition), old, new)
        except Unparsable:
            relation.blurred = True
            continue
        tree.relation.schemaname, tree.relation.relname = relation.schema, relation.name
        index.definition = write(tree)


def _keys(work: Work, relation: Relation) -> list[Constraint]:
    """Keys of the table, and foreign keys that refer to it, wherever the picture holds them."""
    everywhere = {id(one): one for other in work.picture.by_oid.values() for one in other.constraints}
    return [
        one for one in everywhere.values()
        if one.kind in "pufx" and relation.oid in (one.table_oid, one.referenced_oid)
    ]  # fmt: skip


@contextmanager
def _definition(relation: Relation, one: Constraint) -> Iterator[Any]:
    """The tree of a key's text, which is written again after; what the parser does not know makes a table blurred."""
    before = "ALTER TABLE x ADD "
    known = bool(one.definition)
    tree: Any = parsed(f"{before}CHECK (true)")
    try:
        tree = parsed(before + one.definition) if known else tree
    except Unparsable:
        relation.blurred, known = True, False
    yield getattr(tree.cmds[0].alter_table_cmd, "def").constraint
    if known:
        one.definition = write(tree).removeprefix(before)


def _view_of_columns(work: Work, relation: Relation, old: str, new: str) -> tuple[str, ...]:
    """Opt-in: the table as it was, as a view in a schema of its own that older clients put on their search_path."""
    if not work.options.versioned_views or work.version < 15:
        return ()
    schema = f"{relation.schema}_before"
    listed = ", ".join(
        f"{quote_ident(new)} AS {quote_ident(old)}" if one.name == new else quote_ident(one.name)
        for one in relation.columns
    )
    view = full_name(schema, relation.name)
    work.warn(f"clients that still use the old name find it in {view}: SET search_path = {schema}, {relation.schema}")
    return (
        f"CREATE SCHEMA IF NOT EXISTS {quote_ident(schema)}",
        f"CREATE OR REPLACE VIEW {view} WITH (security_invoker = true) AS SELECT {listed} FROM {relation.full_name}",  # noqa: S608 - quoted names
    )


def _rename_table(work: Work, tree: Any) -> list[PlannedStep]:
    relation = work.relation(tree.relation)
    if relation is None:
        return [work.plain(tree)]
    old, schema = relation.full_name, relation.schema
    new = full_name(schema, tree.newname)
    together: tuple[str, ...] = ()
    undo = f"ALTER TABLE {new} RENAME TO {quote_ident(relation.name)}"
    gone = that.no_relation(old)
    if not relation.new:
        usage(work, relation, None)
        if work.options.versioned_views and work.version >= 15:
            columns = ", ".join(quote_ident(one.name) for one in relation.columns)
            together = (f"CREATE VIEW {old} WITH (security_invoker = true) AS SELECT {columns} FROM {new}",)  # noqa: S608 - quoted names
            gone = that.relation(old, "v")
        else:
            work.warn(f"clients that name {old} get errors from the moment it is called {new}")
    work.names.gone("relation", relation.name, schema)
    text = work.text(tree)
    before = old
    work.picture.renamed(relation, schema, tree.newname)
    _reread_names(work, relation)
    work.names.made("relation", relation.name, schema)
    step = work.step(
        text,
        undo=undo,
        pre=that.all_of(that.relation(before), that.no_relation(new)) if not relation.new else None,
        post=that.all_of(that.relation(new), gone),
        on=relation,
        together=together,
    )
    if together:
        return [replace(step, undo=listed(f"DROP VIEW {old}", undo))]
    return [step]


def move(work: Work, tree: Any) -> list[PlannedStep]:
    """SET SCHEMA."""
    if not tree.HasField("relation"):
        return [work.plain(tree)]
    relation = work.relation(tree.relation)
    if relation is None:
        return [work.plain(tree)]
    old, new = relation.full_name, full_name(tree.newschema, relation.name)
    before = relation.schema
    text = work.text(tree)
    if not relation.new:
        work.warn(f"clients that look for {old} there do not find it any more")
    work.names.gone("relation", relation.name, before)
    for index in relation.indexes:
        work.picture.release(index.schema, "relation", index.name)
        index.schema = tree.newschema
        work.take(index.schema, index.name)
    work.picture.renamed(relation, tree.newschema, relation.name)
    _reread_names(work, relation)
    relation.blurred = relation.blurred or any(one.sequence for one in relation.columns)  # those move with the table
    return [
        work.step(
            text,
            undo=f"ALTER TABLE {new} SET SCHEMA {quote_ident(before)}",
            pre=that.all_of(that.relation(old), that.no_relation(new)),
            post=that.all_of(that.relation(new), that.no_relation(old)),
            on=relation,
        )
    ]
