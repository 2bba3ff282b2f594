"""Indexes: built, rebuilt and dropped CONCURRENTLY; on partitioned tables partition by partition."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import qualified, quote_ident
from postai.migrate import catalog_conditions as that
from postai.migrate import naming
from postai.migrate.picture import Index, Relation
from postai.migrate.rewrites.way_back import index_again, listed, marks_of
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work, expression_text, full_name, names_of_parts
from postai.proposals.index_work import same_index
from postai.sql.parse import write


def create_index(work: Work, tree: Any) -> list[PlannedStep]:
    """CREATE INDEX, whatever way it was written."""
    relation = work.relation(tree.relation)
    if relation is None or relation.new or relation.blurred:
        return [_plain_creation(work, tree, relation)]
    columns = naming.index_columns(tree)
    if not tree.idxname:
        tree.idxname = work.index_name(relation, columns, "idx")
    elif tree.if_not_exists and work.picture.taken(relation.schema, tree.idxname, constraint=False):
        known = work.picture.index(relation.schema, tree.idxname)
        if known is None or known[1].valid:
            work.warn(f"{full_name(relation.schema, tree.idxname)} exists already and is left as it is")
            return []
        return [_drop_broken(work, relation, known[1]), *_build(work, relation, tree, columns)]
    return _build(work, relation, tree, columns)


def _build(work: Work, relation: Relation, tree: Any, columns: list[str]) -> list[PlannedStep]:
    if tree.relation.inh and relation.kind == "p":
        return partitioned_index(work, relation, tree, columns)
    if relation.kind == "p":
        return [_plain_creation(work, tree, relation)]
    return [build_concurrently(work, relation, tree, tree.idxname)]


def _plain_creation(work: Work, tree: Any, relation: Relation | None) -> PlannedStep:
    schema = tree.relation.schemaname
    if not tree.idxname and relation is not None and not relation.new:
        tree.idxname = work.index_name(relation, naming.index_columns(tree), "idx")
    if relation is not None and relation.new:
        tree.concurrent = False
    name = full_name(schema, tree.idxname) if tree.idxname else None
    if tree.idxname:
        work.take(schema, tree.idxname)
    return work.plain(
        tree,
        undo=f"DROP INDEX IF EXISTS {name}" if name and not (relation is not None and relation.new) else None,
        post=that.all_of(that.relation(name, "iI")) if name else None,
        alone=tree.concurrent,
        on=relation,
    )


def build_concurrently(work: Work, relation: Relation, tree: Any, name: str) -> PlannedStep:
    """One CREATE INDEX CONCURRENTLY on a table that holds rows.

    Args:
        tree: a CREATE INDEX; it is changed: table, name and CONCURRENTLY are set.
    """
    tree.concurrent, tree.if_not_exists, tree.idxname = True, False, name
    tree.relation.schemaname, tree.relation.relname, tree.relation.inh = relation.schema, relation.name, True
    work.take(relation.schema, name)
    index = full_name(relation.schema, name)
    text = work.text(tree)
    relation.indexes.append(_noted(relation, tree, text))
    if tree.unique:
        _duplicates(work, relation, tree)
    return work.step(
        text,
        "alone",
        undo=f"DROP INDEX CONCURRENTLY IF EXISTS {index}",
        pre=that.all_of(that.relation(relation.full_name), that.no_relation(index)),
        post=that.all_of(that.valid_index(index, relation.full_name)),
        on=relation,
        effort="build",
    )


def _noted(relation: Relation, tree: Any, text: str) -> Index:
    numbers = {one.name: one.number for one in relation.columns}
    keys = tuple(numbers.get(one.index_elem.name, 0) for one in tree.index_params)
    included = tuple(numbers.get(one.index_elem.name, 0) for one in tree.index_including_params)
    return Index(
        0, relation.schema, tree.idxname, text.replace(" CONCURRENTLY", "", 1), True, tree.unique, False,
        keys + included, len(keys), tree.HasField("where_clause"), 0 in keys, None, False, None, None, False, False,
        False, 0,
    )  # fmt: skip


def _duplicates(work: Work, relation: Relation, tree: Any) -> None:
    """Look for rows that a unique index would refuse; expressions are left to the build itself."""
    columns = [one.index_elem.name for one in tree.index_params]
    if all(columns):
        where = f"({expression_text(tree.where_clause)})" if tree.HasField("where_clause") else "true"
        duplicates(work, relation, columns, where=where, nulls_equal=tree.nulls_not_distinct)


def duplicates(
    work: Work, relation: Relation, columns: list[str], *, where: str = "true", nulls_equal: bool = False
) -> None:
    """Note the check for keys that occur more than once."""
    listed = ", ".join(quote_ident(one) for one in columns)
    known = [relation.column(one) for one in columns]
    if relation.written or any(one is None or one.fresh for one in known):
        return
    if not nulls_equal:
        where = " AND ".join([where, *(f"{quote_ident(one)} IS NOT NULL" for one in columns)])
    table = relation.full_name
    work.checks.append(
        (
            f"SELECT count(*) FROM (SELECT 1 FROM {table}"  # noqa: S608 - quoted names
            f" WHERE {where} GROUP BY {listed} HAVING count(*) > 1 LIMIT 1000) AS x",
            f"values of ({listed}) occur more than once in {table}",
        )
    )


def partitioned_index(work: Work, relation: Relation, tree: Any, columns: list[str]) -> list[PlannedStep]:
    """ON ONLY the parents, CONCURRENTLY on each leaf, then attached from below."""
    name = tree.idxname
    work.take(relation.schema, name)
    steps = [_only(work, relation, tree, name)]
    top = f"DROP INDEX IF EXISTS {qualified(relation.schema, name)}"
    attached: list[PlannedStep] = []
    _partitions(work, relation, tree, columns, name, top, steps, attached)
    return [*steps, *attached]


def _only(work: Work, relation: Relation, tree: Any, name: str) -> PlannedStep:
    index = qualified(relation.schema, name)
    tree.idxname, tree.concurrent, tree.if_not_exists = name, False, False
    tree.relation.schemaname, tree.relation.relname, tree.relation.inh = relation.schema, relation.name, False
    text = work.text(tree)
    relation.indexes.append(_noted(relation, tree, text))
    relation.indexes[-1].partitioned = True
    return work.step(
        text,
        undo=f"DROP INDEX IF EXISTS {index}",
        pre=that.all_of(that.relation(relation.full_name, "p"), that.no_relation(index)),
        post=that.all_of(that.relation(index, "I")),
        on=relation,
        hazard="the index is not complete, and not used, before the last partition is attached",
    )


def _partitions(
    work: Work,
    relation: Relation,
    tree: Any,
    columns: list[str],
    name: str,
    top: str,
    steps: list[PlannedStep],
    attached: list[PlannedStep],
) -> None:
    for child in relation.children:
        if child.kind == "f":
            work.warn(f"{child.full_name} is a foreign table and gets no index")
            continue
        own = _equivalent(child, tree)
        undo: str | None = None if own is not None else top
        if own is None:
            own = work.index_name(child, columns, "idx")
            if child.kind == "p":
                work.take(child.schema, own)
                steps.append(_only(work, child, tree, own))
            else:
                steps.append(build_concurrently(work, child, tree, own))
        if child.kind == "p":
            _partitions(work, child, tree, columns, own, top, steps, attached)
        last = child is relation.children[-1]
        attached.append(attach_partition_index(work, relation, name, child, own, undo, complete=last))


def attach_partition_index(
    work: Work, relation: Relation, name: str, child: Relation, own: str, undo: str | None, *, complete: bool = False
) -> PlannedStep:
    """ALTER INDEX ... ATTACH PARTITION.

    Args:
        relation, name: a partitioned table and its index.
        child, own: a partition of it and the index there.
        complete: whether the index is valid after that.
    """
    above, below = qualified(relation.schema, name), qualified(child.schema, own)
    for index in child.indexes:
        index.parent_oid = 0 if index.name == own else index.parent_oid
    return work.step(
        f"ALTER INDEX {above} ATTACH PARTITION {below}",
        undo=undo,
        pre=that.all_of(that.relation(above, "I"), that.relation(below), that.negated(that.child_of(below, above))),
        post=that.all_of(that.child_of(below, above), that.valid_index(above) if complete else None),
        on=child,
    )


def _equivalent(child: Relation, tree: Any) -> str | None:
    """A complete index of a partition that is the one wanted and belongs to no other; PostgreSQL would take it."""
    copy = type(tree)()
    copy.CopyFrom(tree)
    copy.relation.schemaname, copy.relation.relname, copy.relation.inh = child.schema, child.name, True
    wanted = write(copy)
    for one in child.indexes:
        free = one.valid and one.parent_oid is None and one.constraint is None
        if free and same_index(wanted, one.definition.replace(" ON ONLY ", " ON ", 1)):
            one.parent_oid = 0
            return one.name
    return None


def _drop_broken(work: Work, relation: Relation, index: Index) -> PlannedStep:
    work.warn(f"{index.full_name} is broken (a build was cut off); it is dropped and built again")
    relation.indexes.remove(index)
    work.picture.release(index.schema, "relation", index.name)
    return work.step(
        f"DROP INDEX CONCURRENTLY IF EXISTS {index.full_name}",
        "alone",
        undo=f"DROP INDEX CONCURRENTLY IF EXISTS {index.full_name}",
        post=that.all_of(that.no_relation(index.full_name)),
        on=relation,
    )


def drop_index(work: Work, tree: Any) -> list[PlannedStep]:
    """DROP INDEX, one statement per index."""
    steps: list[PlannedStep] = []
    for one in tree.objects:
        schema, name = names_of_parts(one.list.items)
        known = work.picture.index(schema, name)
        if known is None and tree.missing_ok and not work.picture.taken(schema, name, constraint=False):
            work.warn(f"index {full_name(schema, name)} does not exist; nothing is to be dropped")
            continue
        steps.append(_drop_one(work, tree, schema, name))
    return steps


def _drop_one(work: Work, tree: Any, schema: str, name: str) -> PlannedStep:
    known = work.picture.index(schema, name)
    index = full_name(schema, name)
    relation, own = known if known else (None, None)
    cascade = tree.behavior == pb.DROP_CASCADE
    partitioned = own is not None and (own.partitioned or own.parent_oid is not None)
    plainly = cascade or partitioned or relation is None or relation.new or relation.blurred
    undo = None
    if own is not None and relation is not None:
        relation.indexes.remove(own)
        work.picture.release(own.schema, "relation", own.name)
        at_once = plainly and not own.partitioned
        undo = listed(own.definition, *marks_of(relation, own)) if at_once else index_again(relation, own)
    if partitioned and relation is not None and not relation.new:
        work.warn(f"{index} is an index of a partitioned table: PostgreSQL cannot drop it CONCURRENTLY; reads and"
                  " writes of all its partitions wait for a moment")  # fmt: skip
    return work.step(
        f"DROP INDEX {'' if plainly else 'CONCURRENTLY '}{index}{' CASCADE' if cascade else ''}",
        "short_lock" if plainly else "alone",
        undo=undo,
        pre=that.all_of(that.relation(index, "iI")),
        post=that.all_of(that.no_relation(index)),
        on=relation,
        contract=True,
    )


def reindex(work: Work, tree: Any) -> list[PlannedStep]:
    """REINDEX CONCURRENTLY; catalogs and exclusion constraints cannot."""
    options = {one.def_elem.defname for one in tree.params}
    relation, exclusion = None, False
    if tree.HasField("relation"):
        relation = work.relation(tree.relation)
        known = work.picture.index(tree.relation.schemaname, tree.relation.relname)
        if known is not None:
            relation, exclusion = known[0], known[1].exclusion
    elif tree.kind == pb.REINDEX_OBJECT_SYSTEM:
        exclusion = True
    if relation is not None and any(one.exclusion for one in relation.indexes):
        work.warn(f"the index of an exclusion constraint on {relation.full_name} cannot be rebuilt CONCURRENTLY;"
                  " REINDEX TABLE CONCURRENTLY leaves it out")  # fmt: skip
    if exclusion:
        work.warn("this REINDEX cannot run CONCURRENTLY: writes of the table wait until it is done")
    elif "concurrently" not in options and not (relation is not None and relation.new):
        option = tree.params.add().def_elem
        option.defname, option.defaction = "concurrently", pb.DEFELEM_UNSPEC
    alone = any(one.def_elem.defname == "concurrently" for one in tree.params) or not tree.HasField("relation")
    name = relation.full_name if relation is not None else None
    return [
        work.plain(
            tree,
            undo="",
            pre=that.all_of(that.relation(name)) if name else None,
            alone=alone,
            on=relation,
            effort="build" if relation is not None else "moment",
        )
    ]


def rename_index(work: Work, tree: Any) -> list[PlannedStep]:
    """ALTER INDEX ... RENAME TO: under a lock that lets reads and writes pass (12 and newer)."""
    known = work.picture.index(tree.relation.schemaname, tree.relation.relname)
    schema = tree.relation.schemaname
    old, new = full_name(schema, tree.relation.relname), full_name(schema, tree.newname)
    if known is not None:
        work.picture.release(schema, "relation", known[1].name)
        known[1].name = tree.newname
        work.take(schema, tree.newname)
        served = known[0].constraint(known[1].constraint or "")
        if served is not None:
            served.name = known[1].constraint = tree.newname
    return [
        work.plain(
            tree,
            undo=f"ALTER INDEX {new} RENAME TO {quote_ident(tree.relation.relname)}",
            pre=that.all_of(that.relation(old, "iI"), that.no_relation(new)),
            post=that.all_of(that.relation(new, "iI"), that.no_relation(old)),
        )
    ]
