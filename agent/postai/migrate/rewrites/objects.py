"""Tables, views, types and names: what is made, renamed, moved, emptied and dropped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident, quote_literal
from postai.migrate import catalog_conditions as that
from postai.migrate import naming
from postai.migrate.picture import Column, Relation
from postai.migrate.rewrites.columns import usage
from postai.migrate.rewrites.constraints import rename_constraint
from postai.migrate.rewrites.indexes import drop_index, rename_index
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work, full_name, names_of_parts, strings, type_text
from postai.sql.nodes import messages

_DROPS = {
    pb.OBJECT_TABLE: ("TABLE", "rp"), pb.OBJECT_VIEW: ("VIEW", "v"), pb.OBJECT_MATVIEW: ("MATERIALIZED VIEW", "m"),
    pb.OBJECT_SEQUENCE: ("SEQUENCE", "S"), pb.OBJECT_FOREIGN_TABLE: ("FOREIGN TABLE", "f"),
}  # fmt: skip

_RELATIONS = frozenset({pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_SEQUENCE, pb.OBJECT_FOREIGN_TABLE})


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


def comment(work: Work, tree: Any) -> list[PlannedStep]:
    """COMMENT ON anything; the undo is the comment of before, where it is known."""
    undo = None
    parts = strings(tree.object.list.items) if tree.object.WhichOneof("node") == "list" else []
    if tree.objtype == pb.OBJECT_INDEX and len(parts) == 2:
        known = work.picture.index(parts[0], parts[1])
        if known is not None:
            undo = f"COMMENT ON INDEX {known[1].full_name} IS {_literal(known[1].comment)}"
            known[1].comment = tree.comment or None
    elif len(parts) == 3 and (relation := work.picture.find(parts[0], parts[1])) is not None:
        if tree.objtype == pb.OBJECT_COLUMN and (column := relation.column(parts[2])) is not None:
            undo = f"COMMENT ON COLUMN {relation.full_name}.{quote_ident(parts[2])} IS {_literal(column.comment)}"
            column.comment = tree.comment or None
        elif tree.objtype == pb.OBJECT_TABCONSTRAINT and (constraint := relation.constraint(parts[2])) is not None:
            before = _literal(constraint.comment)
            undo = f"COMMENT ON CONSTRAINT {quote_ident(parts[2])} ON {relation.full_name} IS {before}"
            constraint.comment = tree.comment or None
    on = work.picture.find(parts[0], parts[1]) if len(parts) > 1 else None
    return [work.plain(tree, undo=undo, on=on)]


def _literal(text: str | None) -> str:
    return "NULL" if text is None else quote_literal(text).strip()


# Names


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
    _reread_definitions(relation)
    for child in relation.below():
        below = child.column(tree.subname)
        if below is not None:
            below.name, below.fresh = tree.newname, True
        _reread_definitions(child)
    if not relation.new:
        work.warn(f"clients that name {old} of {table} get errors from the moment it is called {new}")
        usage(work, relation, tree.subname)
        together = _view_of_columns(work, relation, tree.subname, tree.newname)
    known = column is not None and not relation.new
    return [
        work.step(
            work.text(tree),
            undo=f"ALTER TABLE {table} RENAME COLUMN {new} TO {old}",
            pre=that.all_of(that.column(table, tree.subname)) if known else None,
            post=that.all_of(that.column(table, tree.newname), that.negated(that.column(table, tree.subname))),
            on=relation,
            together=together,
        )
    ]


def _reread_definitions(relation: Relation) -> None:
    """Texts of indexes and constraints name the column as it was called: they are not used any more."""
    relation.blurred = relation.blurred or any(
        one.expressions or one.partial for one in relation.indexes
    ) or any(one.kind == "c" for one in relation.constraints)  # fmt: skip


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
        return [replace(step, undo=f"DROP VIEW {old}")]
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
    return [
        work.step(
            text,
            undo=f"ALTER TABLE {new} SET SCHEMA {quote_ident(before)}",
            pre=that.all_of(that.relation(old), that.no_relation(new)),
            post=that.all_of(that.relation(new), that.no_relation(old)),
            on=relation,
        )
    ]


# Drops


def drop(work: Work, tree: Any) -> list[PlannedStep]:
    """DROP of whatever it is."""
    if tree.remove_type == pb.OBJECT_INDEX:
        return drop_index(work, tree)
    if tree.remove_type not in _DROPS:
        return [work.plain(tree)]
    if tree.remove_type == pb.OBJECT_TABLE:
        return _drop_tables(work, tree)
    word, kinds = _DROPS[tree.remove_type]
    steps = []
    for one in tree.objects:
        schema, name = names_of_parts(one.list.items)
        relation = work.picture.find(schema, name)
        if relation is not None:
            work.picture.forget(relation)
            work.names.gone("relation", name, schema)
        steps.append(_one_drop(work, tree, word, full_name(schema, name), kinds, known=relation is not None))
    return steps


def _one_drop(work: Work, tree: Any, word: str, own: str, kinds: str, *, known: bool) -> PlannedStep:
    exists = "IF EXISTS " if tree.missing_ok else ""
    cascade = " CASCADE" if tree.behavior == pb.DROP_CASCADE else ""
    return work.step(
        f"DROP {word} {exists}{own}{cascade}",
        undo=None,
        pre=that.all_of(that.relation(own, kinds)) if known and not tree.missing_ok else None,
        post=that.all_of(that.no_relation(own)) if known else None,
        contract=True,
    )


def _drop_tables(work: Work, tree: Any) -> list[PlannedStep]:
    """First out of sight by another name, which can be taken back, then for good."""
    found: list[Relation] = []
    missing: list[tuple[str, str]] = []
    for one in tree.objects:
        schema, name = names_of_parts(one.list.items)
        relation = work.picture.find(schema, name)
        if relation is None:
            missing.append((schema, name))
        else:
            found.append(relation)
    if missing and tree.missing_ok and not any(work.picture.taken(*one, constraint=False) for one in missing):
        listed = ", ".join(full_name(*one) for one in missing)
        work.warn(f"{listed} does not exist; nothing is to be dropped")
        missing = []
    plainly = missing or tree.behavior == pb.DROP_CASCADE
    together = len(found) > 1 and any(
        one.kind == "f" and one.table_oid != one.referenced_oid for relation in found for one in relation.constraints
    )
    for relation in found:
        if not relation.new:
            _say_lost(work, relation)
    if plainly or together or (found and all(one.new for one in found)):
        for relation in found:
            work.picture.forget(relation)
            work.names.gone("relation", relation.name, relation.schema)
        return [work.plain(tree, post=that.all_of(*(that.no_relation(one.full_name) for one in found)), contract=True)]
    steps: list[PlannedStep] = []
    for relation in found:
        steps += _two_phases(work, relation)
    return steps


def _say_lost(work: Work, relation: Relation) -> None:
    work.destructive = True
    work.warn(f"the rows of {relation.full_name} are lost for good")
    usage(work, relation, None)
    views = sorted({name for _, kind, name in relation.others if kind == "view"})
    if views:
        work.warn(f"{relation.full_name} is read by {', '.join(views)}: DROP without CASCADE is refused")
    parents = [one for one in relation.constraints if one.kind == "f" and one.table_oid == relation.oid]
    if parents:
        work.warn(f"dropping {relation.full_name} stops reads and writes of the tables it refers to for a moment")


def _two_phases(work: Work, relation: Relation) -> list[PlannedStep]:
    old = relation.full_name
    referred = any(one.referenced_oid == relation.oid and one.table_oid != relation.oid for one in relation.constraints)
    views = any(kind in ("view", "function") for _, kind, _ in relation.others)
    name, schema = relation.name, relation.schema
    aside = naming.free_name(name, None, "dropped", lambda one: work.picture.taken(schema, one, constraint=False))
    work.picture.forget(relation)
    work.names.gone("relation", name, schema)
    hidden = full_name(schema, aside)
    if referred or views or relation.partition or relation.new:
        return [
            work.step(
                f"DROP TABLE {old}", undo=None, pre=that.all_of(that.relation(old)), on=relation,
                post=that.all_of(that.no_relation(old)), contract=True,
            )
        ]  # fmt: skip
    return [
        work.step(
            f"ALTER TABLE {old} RENAME TO {quote_ident(aside)}",
            undo=f"ALTER TABLE {hidden} RENAME TO {quote_ident(name)}",
            pre=that.all_of(that.relation(old), that.no_relation(hidden)),
            post=that.all_of(that.relation(hidden), that.no_relation(old)),
            on=relation,
            hazard=f"whoever still uses {old} gets an error from here on; renaming it back loses nothing",
        ),
        replace(
            work.step(
                f"DROP TABLE {hidden}",
                undo=None,
                pre=that.all_of(that.relation(hidden)),
                post=that.all_of(that.no_relation(hidden)),
                on=relation,
                hazard=f"the rows of {old} are lost for good",
                contract=True,
            ),
            for_good=True,
        ),
    ]


def truncate(work: Work, tree: Any) -> list[PlannedStep]:
    """TRUNCATE: at once, and for good."""
    relations = [found for one in tree.relations if (found := work.relation(one.range_var)) is not None]
    for relation in relations:
        if not relation.new:
            work.destructive = True
            work.warn(f"the rows of {relation.full_name} are lost for good")
    if tree.behavior == pb.DROP_CASCADE:
        others = sorted({
            one.table for relation in relations for one in relation.constraints
            if one.kind == "f" and one.referenced_oid == relation.oid and one.table_oid != relation.oid
        })  # fmt: skip
        if others:
            work.warn(f"CASCADE empties {', '.join(others)} too, and what refers to them")
    return [work.plain(tree, on=relations[0] if relations else None, contract=True)]
