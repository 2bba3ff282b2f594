"""What is dropped, first out of sight where that can be taken back, and what is emptied."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.migrate import catalog_conditions as that
from postai.migrate import naming
from postai.migrate.picture import Relation
from postai.migrate.rewrites import policies
from postai.migrate.rewrites.columns import dropping, usage
from postai.migrate.rewrites.constraints import drop_constraint
from postai.migrate.rewrites.indexes import drop_index
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work, full_name, names_of_parts

_DROPS = {
    pb.OBJECT_TABLE: ("TABLE", "rp"), pb.OBJECT_VIEW: ("VIEW", "v"), pb.OBJECT_MATVIEW: ("MATERIALIZED VIEW", "m"),
    pb.OBJECT_SEQUENCE: ("SEQUENCE", "S"), pb.OBJECT_FOREIGN_TABLE: ("FOREIGN TABLE", "f"),
}  # fmt: skip


def drop(work: Work, tree: Any) -> list[PlannedStep]:
    """DROP of whatever it is."""
    if tree.remove_type == pb.OBJECT_INDEX:
        return drop_index(work, tree)
    if tree.remove_type == pb.OBJECT_POLICY:
        policies.dropped(work, tree)
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
    views = any(kind in ("view", "function", "row type") for _, kind, _ in relation.others)
    name, schema = relation.name, relation.schema
    aside = naming.free_name(name, None, "dropped", lambda one: work.picture.taken(schema, one, constraint=False))
    plainly = referred or views or relation.partition or relation.new
    # Rows that are set aside must not keep those that they refer to.
    keys = [
        one for one in relation.constraints
        if one.kind == "f" and relation.oid == one.table_oid != one.referenced_oid and not one.inherited
    ]  # fmt: skip
    steps = [] if plainly else [step for one in keys for step in drop_constraint(work, relation, dropping(one.name))]
    work.picture.forget(relation)
    work.names.gone("relation", name, schema)
    hidden = full_name(schema, aside)
    if plainly:
        return [
            work.step(
                f"DROP TABLE {old}", undo=None, pre=that.all_of(that.relation(old)), on=relation,
                post=that.all_of(that.no_relation(old)), contract=True,
            )
        ]  # fmt: skip
    return [
        *steps,
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
