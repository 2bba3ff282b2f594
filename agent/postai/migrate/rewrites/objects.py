"""Tables, views, types, functions, triggers and comments: what is made."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident, quote_literal
from postai.migrate import catalog_conditions as that
from postai.migrate.picture import Column, Relation
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work, full_name, names_of_parts, type_text
from postai.sql.nodes import messages


def create_table(work: Work, tree: Any) -> list[PlannedStep]:
    """CREATE TABLE: nobody uses it yet; tables that it refers to or becomes a part of are locked for a moment."""
    schema, name = tree.relation.schemaname, tree.relation.relname
    own = full_name(schema, name)
    if tree.if_not_exists and work.picture.taken(schema, name, constraint=False):
        work.warn(f"{own} exists already and is left as it is")
        return []
    hazard = None
    targets = sorted({full_name(one.schemaname, one.relname) for one in _referenced(tree)} - {own})
    if targets:
        hazard = f"the foreign keys block writes to {', '.join(targets)} for a moment"
    parents = [work.relation(one.range_var) for one in tree.inh_relations]
    for parent in parents:
        if parent is not None and tree.HasField("partbound") and not parent.new:
            hazard = f"reads and writes of {parent.full_name} wait for a moment"
            _default_scan(work, parent)
    if schema:
        made = Relation(
            -len(work.picture.by_oid) - work.given * 1000,
            schema,
            name,
            "p" if tree.HasField("partspec") else "r",
            new=True,
        )
        made.columns = _columns(tree)
        work.picture.add(made)
        work.names.made("relation", name, schema)
    return [
        work.plain(
            tree,
            undo=f"DROP TABLE IF EXISTS {own}",
            pre=that.all_of(that.no_relation(own)),
            post=that.all_of(that.relation(own)),
            hazard=hazard,
        )
    ]


def _referenced(tree: Any) -> list[Any]:
    return [one.pktable for one in messages(tree) if one.DESCRIPTOR.name == "Constraint" and one.HasField("pktable")]


def _default_scan(work: Work, parent: Relation) -> None:
    default = next((one for one in parent.children if (one.bound or "") == "DEFAULT"), None)
    if default is not None:
        work.warn(
            f"the DEFAULT partition {default.full_name} is read completely while nobody else may use it; make the"
            " table by itself and ATTACH it, then it is checked before"
        )


def _columns(tree: Any) -> list[Column]:
    found: list[Column] = []
    for one in tree.table_elts:
        if one.WhichOneof("node") == "column_def" and one.column_def.HasField("type_name"):
            column = one.column_def
            found.append(Column(len(found) + 1, column.colname, type_text(column.type_name)))
    return found


def create_relation(work: Work, tree: Any) -> list[PlannedStep]:
    """CREATE VIEW, MATERIALIZED VIEW, TABLE AS, SEQUENCE, composite TYPE."""
    kind = tree.DESCRIPTOR.name
    field = {"ViewStmt": "view", "CreateSeqStmt": "sequence", "CompositeTypeStmt": "typevar"}.get(kind)
    node = getattr(tree, field) if field else tree.into.rel
    word = {"ViewStmt": "VIEW", "CreateSeqStmt": "SEQUENCE", "CompositeTypeStmt": "TYPE"}.get(kind, "TABLE")
    if kind == "CreateTableAsStmt" and tree.objtype == pb.OBJECT_MATVIEW:
        word = "MATERIALIZED VIEW"
    own = full_name(node.schemaname, node.relname)
    replaced = (
        kind == "ViewStmt" and tree.replace and work.picture.taken(node.schemaname, node.relname, constraint=False)
    )
    if node.schemaname and not replaced:
        kinds = {"VIEW": "v", "SEQUENCE": "S", "MATERIALIZED VIEW": "m", "TABLE": "r"}
        made = Relation(
            -work.given * 1000 - 1, node.schemaname, node.relname, kinds.get(word, "c"), new=True, blurred=True
        )
        work.picture.add(made)
        work.names.made("relation", node.relname, node.schemaname)
        work.names.made("type", node.relname, node.schemaname)
    return [
        work.plain(
            tree,
            undo=None if replaced else f"DROP {word} IF EXISTS {own}",
            pre=None if replaced else that.all_of(that.no_relation(own)),
            post=None if replaced or word == "TYPE" else that.all_of(that.relation(own)),
        )
    ]


def create_type(work: Work, tree: Any) -> list[PlannedStep]:
    """CREATE TYPE ... AS ENUM and CREATE DOMAIN."""
    domain = tree.DESCRIPTOR.name == "CreateDomainStmt"
    schema, name = names_of_parts(tree.domainname if domain else tree.type_name)
    work.names.made("type", name, schema)
    return [work.plain(tree, undo=f"DROP {'DOMAIN' if domain else 'TYPE'} IF EXISTS {full_name(schema, name)}")]


def create_function(work: Work, tree: Any) -> list[PlannedStep]:
    """CREATE FUNCTION."""
    schema, name = names_of_parts(tree.funcname)
    work.names.made("function", name, schema)
    undo = None
    if not tree.replace and not tree.is_procedure:
        given = [one.function_parameter for one in tree.parameters]
        types = [type_text(one.arg_type) for one in given if one.mode not in (pb.FUNC_PARAM_OUT, pb.FUNC_PARAM_TABLE)]
        undo = f"DROP FUNCTION IF EXISTS {full_name(schema, name)}({', '.join(types)})"
    return [work.plain(tree, undo=undo)]


def create_schema(work: Work, tree: Any) -> list[PlannedStep]:
    """CREATE SCHEMA."""
    return [work.plain(tree, undo=f"DROP SCHEMA IF EXISTS {quote_ident(tree.schemaname)}" if tree.schemaname else None)]


def alter_enum(work: Work, tree: Any) -> list[PlannedStep]:
    """ALTER TYPE ... ADD VALUE (there is no way back) and RENAME VALUE."""
    schema, name = names_of_parts(tree.type_name)
    own = full_name(schema, name)
    if tree.old_val:
        work.warn(f"clients that write or compare {tree.old_val!r} of {own} get errors from then on")
        return [
            work.plain(
                tree,
                undo=_renamed_value(tree, own),
                pre=that.all_of(that.enum_label(own, tree.old_val)),
                post=that.all_of(that.enum_label(own, tree.new_val), that.negated(that.enum_label(own, tree.old_val))),
            )
        ]
    here = that.enum_label(own, tree.new_val)
    pre = None if tree.skip_if_new_val_exists else that.all_of(that.negated(here))
    return [work.plain(tree, pre=pre, post=that.all_of(here), hazard="a value cannot be taken out of an enum again")]


def _renamed_value(tree: Any, own: str) -> str:
    new, old = quote_literal(tree.new_val).strip(), quote_literal(tree.old_val).strip()
    return f"ALTER TYPE {own} RENAME VALUE {new} TO {old}"


def create_trigger(work: Work, tree: Any) -> list[PlannedStep]:
    """CREATE TRIGGER: writes wait for a moment."""
    table = full_name(tree.relation.schemaname, tree.relation.relname)
    here = that.trigger(table, tree.trigname)
    relation = work.relation(tree.relation)
    if relation is not None:
        relation.triggers.append((tree.trigname, (), bool(tree.events & 16), bool(tree.events & 8)))
    return [
        work.plain(
            tree,
            undo=None if tree.replace else f"DROP TRIGGER IF EXISTS {quote_ident(tree.trigname)} ON {table}",
            pre=None if tree.replace else that.all_of(that.negated(here)),
            post=None if tree.replace else that.all_of(here),
        )
    ]
