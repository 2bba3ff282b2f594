"""Partitions: detached CONCURRENTLY, attached after a CHECK has shown that the rows fit."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.migrate import catalog_conditions as that
from postai.migrate import naming
from postai.migrate.lint import world
from postai.migrate.lint.bounds import inside, outside
from postai.migrate.picture import Column, Index, Relation
from postai.migrate.rewrites.constraints import add_constraint, validation
from postai.migrate.rewrites.indexes import build_concurrently
from postai.migrate.rewrites.way_back import listed, partition_again
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work, expression_text, parsed, subcommand
from postai.proposals.index_work import same_index


def attach(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """ATTACH PARTITION: what it would check, build and validate is there before it."""
    part = getattr(command, "def").partition_cmd
    partition = work.relation(part.name)
    if partition is None or relation.new or relation.blurred or partition.blurred or relation.kind != "p":
        if partition is not None:
            _join(relation, partition)
        return [work.plain(subcommand(relation, command), on=relation)]
    if partition.new:
        steps, done = _default_guard(work, relation, part.bound)
        return [*steps, _attachment(work, relation, partition, command), *done]
    steps, done = (
        ([], []) if inside(*_proof(relation, partition), part.bound) else _guard(work, relation, partition, part.bound)
    )
    more, undone = _default_guard(work, relation, part.bound)
    steps += more
    if partition.kind == "r":
        steps += _indexes(work, relation, partition)
        steps += _foreign_keys(work, relation, partition)
    steps.append(_attachment(work, relation, partition, command))
    return [*steps, *done, *undone]


def _join(relation: Relation, partition: Relation) -> None:
    relation.children.append(partition)
    partition.parent_oid, partition.partition = relation.oid, True


def _attachment(work: Work, relation: Relation, partition: Relation, command: Any) -> PlannedStep:
    table, own = relation.full_name, partition.full_name
    here = that.child_of(own, table)
    _join(relation, partition)
    return work.plain(
        subcommand(relation, command),
        undo=f"ALTER TABLE {table} DETACH PARTITION {own}",
        pre=that.all_of(that.relation(table, "p"), that.negated(here)),
        post=that.all_of(here),
        on=partition,
    )


def bound_test(relation: Relation, bound: Any) -> str | None:
    """The partition constraint of a bound as an expression; None where it is not written here (HASH, several keys)."""
    keys = relation.named(relation.key_columns)
    if bound.is_default or len(relation.key_columns) != 1 or len(keys) != 1:
        return None
    key = quote_ident(keys[0])
    if relation.strategy == "l":
        values = [expression_text(one) for one in bound.listdatums]
        plain = [one for one in values if one.upper() != "NULL"]
        if not plain:
            return f"{key} IS NULL"
        listed = f"{key} = {plain[0]}" if len(plain) == 1 else f"{key} = ANY (ARRAY[{', '.join(plain)}])"
        if len(plain) > 1:
            column = relation.column(keys[0])
            listed = f"{key} = ANY (ARRAY[{', '.join(plain)}]::{column.type if column else 'text'}[])"
        return f"({key} IS NULL) OR ({listed})" if len(plain) < len(values) else f"({key} IS NOT NULL) AND ({listed})"
    if relation.strategy == "r":
        parts = [f"({key} IS NOT NULL)"]
        for sign, datums in ((">=", bound.lowerdatums), ("<", bound.upperdatums)):
            text = expression_text(datums[0])
            if text.lower() not in ("minvalue", "maxvalue"):
                parts.append(f"({key} {sign} {text})")
        return " AND ".join(parts)
    return None


def _proof(relation: Relation, partition: Relation) -> tuple[world.Table, tuple[str | None, ...]]:
    """What is known of a partition's rows, and the columns that its parent is divided by, for the implication test."""
    names = relation.named(relation.key_columns)
    keys: tuple[str | None, ...] = tuple(names) if len(names) == len(relation.key_columns) == 1 else (None,)
    numbers = {one.number: one.name for one in partition.columns}
    columns = {one.name: world.Column(one.name, not_null=_never_null(partition, one)) for one in partition.columns}
    checks = []
    for one in partition.constraints:
        if one.kind == "c" and one.definition:
            read = tuple(numbers[at] for at in one.columns if at in numbers)
            checks.append(world.Constraint(one.name, "c", read, one.valid, _condition(one.definition)))
    place = (partition.schema, partition.name)
    return world.Table(place, partition.kind, known=True, columns=columns, constraints=tuple(checks)), keys


def _condition(definition: str) -> Any:
    """The expression of a CHECK."""
    command = parsed(f"ALTER TABLE x ADD {definition}").cmds[0].alter_table_cmd
    return getattr(command, "def").constraint.raw_expr


def _guard(
    work: Work, relation: Relation, partition: Relation, bound: Any
) -> tuple[list[PlannedStep], list[PlannedStep]]:
    """A validated CHECK on the partition that says what the bound says, and the step that drops it after."""
    test = bound_test(relation, bound)
    if test is None:
        if not bound.is_default:
            work.warn(
                f"ATTACH PARTITION reads all of {partition.full_name} while nobody else may: its bound is not one that"
                " a CHECK made by postai stands for"
            )
        return [], []
    return _check(work, partition, test, f"rows of {partition.full_name} lie outside of the bound")


def _default_guard(work: Work, relation: Relation, bound: Any) -> tuple[list[PlannedStep], list[PlannedStep]]:
    """The same for the DEFAULT partition: it holds no row that belongs to the new one."""
    default = next((one for one in relation.children if (one.bound or "") == "DEFAULT"), None)
    if default is None or outside(*_proof(relation, default), bound):
        return [], []
    test = bound_test(relation, bound)
    if test is None:
        work.warn(f"ATTACH PARTITION reads all of the DEFAULT partition {default.full_name} while nobody else may")
        return [], []
    return _check(
        work, default, f"NOT ({test})", f"rows of the DEFAULT partition {default.full_name} belong to the new one"
    )


def _check(work: Work, relation: Relation, test: str, words: str) -> tuple[list[PlannedStep], list[PlannedStep]]:
    name = work.constraint_name(relation, [], "bound")
    work.picture.take(relation.schema, "constraint", name)
    table, own = relation.full_name, quote_ident(name)
    here = that.constraint(table, name)
    drop = f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {own}"
    work.check(relation, f"NOT ({test})", words)
    first = work.step(
        f"ALTER TABLE {table} ADD CONSTRAINT {own} CHECK ({test}) NOT VALID",
        undo=drop,
        pre=that.all_of(that.relation(table), that.negated(here)),
        post=that.all_of(here),
        on=relation,
    )
    last = work.step(
        f"ALTER TABLE {table} DROP CONSTRAINT {own}",
        undo=drop,
        pre=that.all_of(here),
        post=that.all_of(that.negated(here)),
        on=relation,
    )
    return [first, validation(work, relation, name, drop)], [last]


def _indexes(work: Work, relation: Relation, partition: Relation) -> list[PlannedStep]:
    """The indexes that ATTACH would build under its lock; constraints among them are left to it."""
    steps = []
    for index in relation.indexes:
        tree = parsed(index.definition)
        tree.relation.schemaname, tree.relation.relname, tree.relation.inh = partition.schema, partition.name, True
        copy = type(tree)()
        copy.CopyFrom(tree)
        wanted = work.text(copy)
        if index.constraint is None and any(
            one.valid and one.parent_oid is None and same_index(wanted, one.definition) for one in partition.indexes
        ):
            continue
        columns = naming.index_columns(tree)
        if index.constraint is None:
            steps.append(build_concurrently(work, partition, tree, work.index_name(partition, columns, "idx")))
        elif not any(_same_key(relation, index, partition, one) for one in partition.indexes):
            known = relation.constraint(index.constraint)
            if known is not None:
                one = parsed(f"ALTER TABLE x ADD {known.definition}").cmds[0].alter_table_cmd
                steps += add_constraint(work, partition, one)
    return steps


def _same_key(relation: Relation, index: Index, partition: Relation, other: Index) -> bool:
    """Whether a partition has the key already that an index of its parent stands for."""
    same = partition.named(other.keys) == relation.named(index.keys)
    return same and other.unique and other.constraint is not None and other.primary == index.primary


def _foreign_keys(work: Work, relation: Relation, partition: Relation) -> list[PlannedStep]:
    """The foreign keys that ATTACH would validate under its lock."""
    steps: list[PlannedStep] = []
    for known in relation.constraints:
        if known.kind != "f" or known.table_oid != relation.oid:
            continue
        if any(one.kind == "f" and one.definition == known.definition for one in partition.constraints):
            continue
        name = quote_ident(known.name)
        tree = parsed(f"ALTER TABLE x ADD CONSTRAINT {name} {known.definition}")
        steps += add_constraint(work, partition, tree.cmds[0].alter_table_cmd)
    return steps


def detach(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """DETACH PARTITION CONCURRENTLY, unless a DEFAULT partition forbids it."""
    part = getattr(command, "def").partition_cmd
    partition = work.relation(part.name)
    table = relation.full_name
    known = partition is not None and partition.parent_oid == relation.oid
    if partition is None or not known or relation.new or relation.blurred or partition.new:
        return [work.plain(subcommand(relation, command), on=relation, alone=part.concurrent)]
    own = partition.full_name
    default = next((one for one in relation.children if (one.bound or "") == "DEFAULT"), None)
    here = that.child_of(own, table)
    left = None if default is not None else _left_check(work, partition)
    undo = partition_again(work, relation, partition, default)
    drop = "" if left is None else f"ALTER TABLE {own} DROP CONSTRAINT IF EXISTS {quote_ident(left)}"
    if left is not None:
        undo = listed(undo, drop)
    wanted = part.concurrent
    if default is not None:
        part.concurrent = False
        work.warn(
            f"{table} has the DEFAULT partition {default.full_name}, so PostgreSQL cannot detach CONCURRENTLY: reads"
            " and writes of it wait for a moment"
        )
    else:
        part.concurrent = True
    if partition in relation.children:
        relation.children.remove(partition)
    partition.parent_oid, partition.partition = None, False
    step = work.plain(
        subcommand(relation, command),
        undo=undo,
        pre=that.all_of(here),
        post=that.all_of(that.negated(here)),
        on=partition,
        alone=part.concurrent,
        hazard="it waits for every transaction that has read the table" if part.concurrent else None,
    )
    if left is None or wanted:
        return [step]
    return [
        step,
        work.step(
            drop,
            undo=drop,
            post=that.all_of(that.negated(that.constraint(own, left))),
            on=partition,
            hazard="DETACH ... CONCURRENTLY leaves a CHECK with the old bound; the plain form leaves none",
        ),
    ]


def _left_check(work: Work, partition: Relation) -> str | None:
    """Name of the CHECK that DETACH CONCURRENTLY leaves on the partition; None = it leaves none."""
    rows = work.ask("bound", partition.oid)
    if not rows or rows[0][0] is None or "satisfies_hash_partition" in rows[0][0]:
        return None
    test = parsed(f"SELECT {rows[0][0]}").target_list[0].res_target.val
    if _said_already(partition, test):
        return None
    read = naming.columns_of(test, [one.name for one in partition.columns])
    return work.constraint_name(partition, read if len(read) == 1 else [], "check")


def _said_already(partition: Relation, test: Any) -> bool:
    """Whether valid CHECKs and NOT NULLs of a partition say every part of its bound in the same words."""
    said = {f"{quote_ident(one.name)} IS NOT NULL" for one in partition.columns if _never_null(partition, one)}
    for one in partition.constraints:
        if one.kind == "c" and one.valid:
            said |= _words_of(_condition(one.definition))
    return _words_of(test) <= said


def _words_of(node: Any) -> set[str]:
    """The parts of a condition that are joined by AND."""
    if node.WhichOneof("node") == "bool_expr" and node.bool_expr.boolop == pb.AND_EXPR:
        return {words for part in node.bool_expr.args for words in _words_of(part)}
    return {expression_text(node)}


def _never_null(partition: Relation, column: Column) -> bool:
    """Whether a column is known to hold no NULL; a NOT NULL that is not validated (18) proves nothing."""
    unproved = {one.columns for one in partition.constraints if one.kind == "n" and not one.valid}
    return column.not_null and (column.number,) not in unproved


def finalize(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """DETACH PARTITION ... FINALIZE."""
    return [work.plain(subcommand(relation, command), on=relation)]
