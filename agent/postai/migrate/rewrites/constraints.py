"""Constraints: declared NOT VALID and validated after, or put on an index that was built CONCURRENTLY."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import qualified, quote_ident, quote_literal
from postai.migrate import catalog_conditions as that
from postai.migrate import naming
from postai.migrate.picture import Constraint, Index, Relation
from postai.migrate.rewrites.indexes import attach_partition_index, build_concurrently
from postai.migrate.rewrites.not_null import not_null_steps
from postai.migrate.rewrites.way_back import constraint_again, listed
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work, expression_text, parsed, quoted, strings, subcommand

_KINDS = {
    pb.CONSTR_CHECK: "c", pb.CONSTR_FOREIGN: "f", pb.CONSTR_PRIMARY: "p", pb.CONSTR_UNIQUE: "u",
    pb.CONSTR_EXCLUSION: "x", pb.CONSTR_NOTNULL: "n",
}  # fmt: skip


def add_constraint(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """ALTER TABLE ... ADD CONSTRAINT of any kind."""
    constraint = getattr(command, "def").constraint
    kind = _KINDS.get(constraint.contype)
    if kind is None or relation.blurred or (relation.new and not constraint.conname):
        return [work.plain(subcommand(relation, command), on=relation)]
    if kind == "n":
        return _not_null(work, relation, command, constraint)
    if not constraint.conname:
        constraint.conname = _own_name(work, relation, constraint, kind)
    work.picture.take(relation.schema, "constraint", constraint.conname)
    numbers = {one.name: one.number for one in relation.columns}
    if kind == "c":
        names, definition = naming.columns_of(constraint.raw_expr, list(numbers)), _words(work, command)
    else:
        names, definition = strings(constraint.fk_attrs if kind == "f" else constraint.keys), ""
    relation.constraints.append(
        Constraint(
            constraint.conname, kind, definition, not constraint.skip_validation, constraint.deferrable,
            constraint.initdeferred, tuple(numbers.get(one, 0) for one in names), 0, 0, False, relation.oid,
            relation.full_name, fresh=True,
        )
    )  # fmt: skip
    if kind in ("u", "p"):
        return _by_index(work, relation, command, constraint, kind)
    direct = relation.new or constraint.skip_validation
    if kind == "x":
        if not direct:
            work.warn(
                f"the exclusion constraint {quote_ident(constraint.conname)} has no online form: writes of"
                f" {relation.full_name}, and reads, wait until its index is built"
            )
        return [_at_once(work, relation, command, constraint, "moment" if relation.new else "build")]
    if direct:
        return [_at_once(work, relation, command, constraint, "moment")]
    if kind == "c":
        violated = f"NOT ({expression_text(constraint.raw_expr)})"
        work.check(relation, violated, f"rows of {relation.full_name} violate {constraint.conname}")
        return not_valid_then_validate(work, relation, command, constraint)
    _orphans(work, relation, constraint)
    target = work.relation(constraint.pktable)
    if target is not None and target.kind == "p" and not target.new and work.version < 18:
        work.warn(
            f"{quote_ident(constraint.conname)} refers to a partitioned table: before 18 VALIDATE leaves parts"
            f" of such a key not validated, so writes of {relation.full_name} wait until its rows are checked"
        )
        return [_at_once(work, relation, command, constraint, "scan")]
    if relation.kind == "p" and work.version < 18:
        return _per_partition(work, relation, command, constraint)
    return not_valid_then_validate(work, relation, command, constraint)


def _words(work: Work, command: Any) -> str:
    """What is added, without its name: what a swap of columns repeats for the new one."""
    tree: Any = parsed("ALTER TABLE x ADD CHECK (true)")
    tree.cmds[0].alter_table_cmd.CopyFrom(command)
    getattr(tree.cmds[0].alter_table_cmd, "def").constraint.conname = ""
    return work.text(tree).removeprefix("ALTER TABLE x ADD ")


def _own_name(work: Work, relation: Relation, constraint: Any, kind: str) -> str:
    known = [one.name for one in relation.columns]
    if kind == "c":
        read = naming.columns_of(constraint.raw_expr, known)
        return work.constraint_name(relation, read if len(read) == 1 else [], "check")
    if kind == "f":
        return work.constraint_name(relation, strings(constraint.fk_attrs), "fkey")
    if constraint.indexname:
        return str(constraint.indexname)
    if kind == "x":
        names = [one.list.items[0].index_elem.name or "expr" for one in constraint.exclusions]
        return work.index_name(relation, names, "excl")
    names = strings(constraint.keys) + strings(constraint.including)
    return work.index_name(relation, names, "pkey" if kind == "p" else "key")


def _at_once(work: Work, relation: Relation, command: Any, constraint: Any, effort: Any) -> PlannedStep:
    table, name = relation.full_name, constraint.conname
    here = that.constraint(table, name)
    return work.plain(
        subcommand(relation, command),
        undo=f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {quote_ident(name)}",
        pre=that.all_of(that.relation(table), that.negated(here)) if not relation.new else None,
        post=that.all_of(that.constraint(table, name, kind=_KINDS[constraint.contype], valid=_is_valid(constraint))),
        on=relation,
        effort=effort,
    )


def _is_valid(constraint: Any) -> bool | None:
    """Whether a constraint that is added is validated at once; None = it may be not enforced (18 and newer)."""
    enforced = getattr(constraint, "is_enforced", True)
    if constraint.contype in (pb.CONSTR_CHECK, pb.CONSTR_FOREIGN) and not enforced:
        return None
    return not constraint.skip_validation


def not_valid_then_validate(work: Work, relation: Relation, command: Any, constraint: Any) -> list[PlannedStep]:
    """ADD ... NOT VALID under a short lock, VALIDATE under one that lets reads and writes pass."""
    constraint.skip_validation, constraint.initially_valid = True, False
    first = _at_once(work, relation, command, constraint, "moment")
    return [first, validation(work, relation, constraint.conname, first.undo)]


def validation(work: Work, relation: Relation, name: str, undo: str | None) -> PlannedStep:
    """VALIDATE CONSTRAINT."""
    table = relation.full_name
    return work.step(
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {quote_ident(name)}",
        "weak_scan",
        undo=undo,
        pre=that.all_of(that.constraint(table, name)),
        post=that.all_of(that.constraint(table, name, valid=True)),
        on=relation,
        effort="scan",
    )


def validate(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """VALIDATE CONSTRAINT as it was given."""
    known = relation.constraint(command.name)
    if known is not None and known.valid:
        return []
    if known is not None:
        known.valid = True
    again = f"ALTER TABLE {relation.full_name} VALIDATE CONSTRAINT {quote_ident(command.name)}"
    return [validation(work, relation, command.name, again)]  # nothing leads back, and nothing has to


def _not_null(work: Work, relation: Relation, command: Any, constraint: Any) -> list[PlannedStep]:
    column = relation.column(strings(constraint.keys)[0])
    direct = constraint.skip_validation or relation.new or constraint.is_no_inherit
    if column is None or column.not_null or direct:
        if column is not None:
            column.not_null = True
        return [work.plain(subcommand(relation, command), on=relation)]
    return not_null_steps(work, relation, column, constraint.conname or None)


def _by_index(work: Work, relation: Relation, command: Any, constraint: Any, kind: str) -> list[PlannedStep]:
    """UNIQUE and PRIMARY KEY: NOT NULL first, the index CONCURRENTLY, then the constraint on it."""
    columns = strings(constraint.keys)
    if constraint.indexname:
        known = work.picture.index(relation.schema, constraint.indexname)
        columns = relation.named(known[1].keys[: known[1].key_count]) if known else []
    steps: list[PlannedStep] = []
    if kind == "p" and not relation.new:
        for name in columns:
            column = relation.column(name)
            if column is not None and not column.not_null:
                steps += not_null_steps(work, relation, column)
    for name in columns if kind == "p" else ():
        if (column := relation.column(name)) is not None:
            column.not_null = True
    if relation.kind == "p" and not (relation.new or constraint.without_overlaps or constraint.indexname):
        return [*steps, *_partitioned_key(work, relation, command, kind)]
    if relation.new or constraint.without_overlaps:
        if not relation.new:
            work.warn(
                f"{quote_ident(constraint.conname)} holds WITHOUT OVERLAPS: it cannot be put on an index that was built"
                f" CONCURRENTLY; reads and writes of {relation.full_name} wait until its own is built"
            )
        work.take(relation.schema, constraint.conname)
        return [*steps, _at_once(work, relation, command, constraint, "moment" if relation.new else "build")]
    undo: str | None = f"ALTER TABLE {relation.full_name} DROP CONSTRAINT IF EXISTS {quote_ident(constraint.conname)}"
    if not constraint.indexname:
        steps.append(build_concurrently(work, relation, _index_of(relation, constraint, columns), constraint.conname))
        index = constraint.conname
    else:
        index = constraint.indexname
        known = work.picture.index(relation.schema, index)
        undo = _given_index_again(work, relation, constraint.conname, known[1]) if known is not None else undo
        if known is not None:
            known[1].name = constraint.conname
            work.picture.release(relation.schema, "relation", index)
            work.take(relation.schema, constraint.conname)
    steps.append(replace(attach_index(work, relation, constraint.conname, index, constraint, kind), undo=undo))
    mine = work.picture.index(relation.schema, constraint.conname)
    if mine is not None:
        mine[1].primary, mine[1].constraint = kind == "p", constraint.conname
    return steps


def _given_index_again(work: Work, relation: Relation, name: str, index: Index) -> str | None:
    """Drops a constraint on an index that was there before, and leaves such an index; None = nothing leads back.

    The index is built again before the constraint goes, so that the values stay unique.
    """
    drop = f"ALTER TABLE {relation.full_name} DROP CONSTRAINT IF EXISTS {quote_ident(name)}"
    if not index.oid or relation.new:
        return drop  # made by the text itself: its own undo drops it
    if any(one.kind == "f" and one.index_oid == index.oid for one in relation.constraints):
        return None  # foreign keys that were there before rest on it
    again = work.relation_name(relation.schema, index.name, None, "back") if index.name == name else index.name
    tree = parsed(index.definition)
    tree.idxname, tree.concurrent = again, True
    back = [work.text(tree), drop]
    if again != index.name:
        back.append(f"ALTER INDEX {qualified(relation.schema, again)} RENAME TO {quote_ident(index.name)}")
    if index.comment is not None:
        back.append(f"COMMENT ON INDEX {index.full_name} IS {quote_literal(index.comment).strip()}")
    if index.clustered:
        back.append(f"ALTER TABLE {relation.full_name} CLUSTER ON {quote_ident(index.name)}")
    if index.identity:
        back.append(f"ALTER TABLE {relation.full_name} REPLICA IDENTITY USING INDEX {quote_ident(index.name)}")
    return listed(*back)


def _partitioned_key(work: Work, relation: Relation, command: Any, kind: str) -> list[PlannedStep]:
    """UNIQUE and PRIMARY KEY of a partitioned table: of the parents alone, then of each leaf, attached from below."""
    constraint = getattr(command, "def").constraint
    work.take(relation.schema, constraint.conname)
    top = f"ALTER TABLE {relation.full_name} DROP CONSTRAINT IF EXISTS {quote_ident(constraint.conname)}"
    steps, attached = [_parent_key(work, relation, command)], []
    waiting = [(relation, str(constraint.conname))]
    while waiting:
        parent, above = waiting.pop()
        for child in parent.children:
            own, more = _child_key(work, child, command, kind)
            steps += more
            last = parent is relation and child is relation.children[0]  # they are attached in the opposite order
            undo = top if more else None
            attached.append(attach_partition_index(work, parent, above, child, own, undo, complete=last))
            if child.kind == "p":
                waiting.append((child, own))
    return [*steps, *reversed(attached)]


def _parent_key(work: Work, relation: Relation, command: Any) -> PlannedStep:
    tree = subcommand(relation, command)
    tree.relation.inh = False
    table, name = relation.full_name, getattr(command, "def").constraint.conname
    here = that.constraint(table, name)
    return work.plain(
        tree,
        undo=f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {quote_ident(name)}",
        pre=that.all_of(that.relation(table, "p"), that.negated(here)),
        post=that.all_of(here),
        on=relation,
        hazard="the key is not complete before the last partition is attached",
    )


def _child_key(work: Work, child: Relation, command: Any, kind: str) -> tuple[str, list[PlannedStep]]:
    """Name of a partition's own key, and the steps that make it; none where it has one that fits."""
    given = getattr(command, "def").constraint
    names = strings(given.keys) + strings(given.including)
    for one in child.indexes:
        if one.constraint and one.primary == (kind == "p") and one.unique and child.named(one.keys) == names:
            return one.name, []
    copy = type(command)()
    copy.CopyFrom(command)
    own = getattr(copy, "def").constraint
    own.conname = work.index_name(child, names, "pkey" if kind == "p" else "key")
    work.picture.take(child.schema, "constraint", own.conname)
    if child.kind == "p":
        work.take(child.schema, own.conname)
        return own.conname, [_parent_key(work, child, copy)]
    tree = _index_of(child, own, strings(own.keys))
    built = build_concurrently(work, child, tree, own.conname)
    return own.conname, [built, attach_index(work, child, own.conname, own.conname, own, kind)]


def _index_of(relation: Relation, constraint: Any, columns: list[str]) -> Any:
    """The unique index that a UNIQUE or PRIMARY KEY constraint stands for."""
    listed, more = quoted(columns), quoted(strings(constraint.including))
    tree = parsed(
        f"CREATE UNIQUE INDEX x ON {relation.full_name} ({listed})"
        + (f" INCLUDE ({more})" if more else "")
        + (" NULLS NOT DISTINCT" if constraint.nulls_not_distinct else "")
    )
    for option in constraint.options:
        tree.options.add().CopyFrom(option)
    return tree


def attach_index(work: Work, relation: Relation, name: str, index: str, constraint: Any, kind: str) -> PlannedStep:
    """ADD CONSTRAINT ... USING INDEX: the index takes the name of the constraint."""
    table, own = relation.full_name, quote_ident(name)
    later = " DEFERRABLE" if constraint.deferrable else ""
    later += " INITIALLY DEFERRED" if constraint.initdeferred else ""
    word = "PRIMARY KEY" if kind == "p" else "UNIQUE"
    return work.step(
        f"ALTER TABLE {table} ADD CONSTRAINT {own} {word} USING INDEX {quote_ident(index)}{later}",
        undo=f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {own}",
        pre=that.all_of(
            that.valid_index(qualified(relation.schema, index), table), that.negated(that.constraint(table, name))
        ),
        post=that.all_of(that.constraint(table, name, kind=kind)),
        on=relation,
    )


def _orphans(work: Work, relation: Relation, constraint: Any) -> None:
    """Note the check for rows that refer to nothing, and tell where an index would help."""
    columns = strings(constraint.fk_attrs)
    target = work.relation(constraint.pktable)
    keys = strings(constraint.pk_attrs)
    if target is not None and not keys:
        primary = next((one for one in target.indexes if one.primary), None)
        keys = target.named(primary.keys[: primary.key_count]) if primary else []
    numbers = [one.number for name in columns if (one := relation.column(name)) is not None]
    if numbers and not any(
        sorted(one.keys[: len(numbers)]) == sorted(numbers) and one.valid for one in relation.indexes
    ):
        work.warn(
            f"no index of {relation.full_name} begins with ({quoted(columns)}): deleting from"
            f" {qualified(constraint.pktable.schemaname or 'public', constraint.pktable.relname)} reads all of it"
        )
    if target is None or not keys or target.new or target.written:
        return
    present = [f"a.{quote_ident(one)} IS NOT NULL" for one in columns]
    same = [f"b.{quote_ident(key)} = a.{quote_ident(one)}" for key, one in zip(keys, columns, strict=False)]
    same_row = " AND ".join(same)
    work.check(
        relation,
        " AND ".join([*present, f"NOT EXISTS (SELECT 1 FROM {target.full_name} AS b WHERE {same_row})"]),  # noqa: S608 - quoted names
        f"rows of {relation.full_name} refer by ({quoted(columns)}) to no row of {target.full_name}",
        f"{relation.full_name} AS a",
    )


def _per_partition(work: Work, relation: Relation, command: Any, constraint: Any) -> list[PlannedStep]:
    """Before 18: each leaf gets the foreign key NOT VALID and validates it; each parent then finds them in place."""
    steps: list[PlannedStep] = []
    for one in reversed(relation.below()):
        copy = type(command)()
        copy.CopyFrom(command)
        own = getattr(copy, "def").constraint
        if one.kind == "p":
            own.skip_validation, own.initially_valid = False, True
            steps.append(_at_once(work, one, copy, own, "moment"))
        elif one.kind == "r":
            steps.extend(not_valid_then_validate(work, one, copy, own))
    steps.append(_at_once(work, relation, command, constraint, "moment"))
    return steps


def drop_constraint(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """DROP CONSTRAINT: at once; the undo declares it again."""
    table = relation.full_name
    known = relation.constraint(command.name)
    if known is None and command.missing_ok and not relation.new and not relation.blurred:
        work.warn(f"{table} has no constraint {quote_ident(command.name)}; nothing is to be dropped")
        return []
    here = that.constraint(table, command.name)
    undo = None
    if known is not None:
        undo = constraint_again(work, relation, known) if known.definition else None
        relation.constraints.remove(known)
        work.picture.release(relation.schema, "constraint", known.name)
        if known.kind in ("u", "p", "x"):
            work.picture.release(relation.schema, "relation", known.name)
            relation.indexes[:] = [one for one in relation.indexes if one.name != known.name]
        for column in relation.columns:
            if known.kind == "n" and known.columns == (column.number,):
                column.not_null = False
    return [
        work.plain(
            subcommand(relation, command),
            undo=undo,
            pre=that.all_of(here) if known is not None and not relation.new else None,
            post=that.all_of(that.negated(here)),
            on=relation,
        )
    ]


def rename_constraint(work: Work, tree: Any) -> list[PlannedStep]:
    """RENAME CONSTRAINT: at once."""
    relation = work.relation(tree.relation)
    if relation is None:
        return [work.plain(tree)]
    work.picture.release(relation.schema, "constraint", tree.subname)
    known = relation.constraint(tree.subname)
    if known is not None:
        if known.kind in ("u", "p", "x"):
            work.picture.release(relation.schema, "relation", known.name)
            work.take(relation.schema, tree.newname)
            for index in relation.indexes:
                if index.constraint == known.name:
                    index.name = index.constraint = tree.newname
        known.name = tree.newname
    work.picture.take(relation.schema, "constraint", tree.newname)
    table = relation.full_name
    return [
        work.plain(
            tree,
            undo=f"ALTER TABLE {table} RENAME CONSTRAINT {quote_ident(tree.newname)} TO {quote_ident(tree.subname)}",
            post=that.all_of(that.constraint(table, tree.newname)),
            on=relation,
        )
    ]
