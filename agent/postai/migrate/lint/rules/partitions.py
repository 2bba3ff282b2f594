"""Partitions that come and go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.migrate.lint.bounds import inside, outside
from postai.migrate.lint.phrasing import LATER, alter, alter_with, copied, relation_name, script, written
from postai.migrate.lint.reading import definition, object_names
from postai.migrate.lint.rule import Here, Hit, Rule
from postai.migrate.lint.world import Index, Table, shown


def _attach(here: Here) -> Iterable[Hit]:
    if here.command is None:
        yield from _made_beside_default(here)
        return
    if here.tree.objtype == pb.OBJECT_INDEX:
        return
    command = definition(here.command).partition_cmd
    part = here.world.table_of(command.name)
    bound, parent = command.bound, here.table
    if not part.new and not _needs_no_scan(here, parent, part, bound):
        yield Hit(f"every row of {part.name} is read while nobody can read or write it", _with_check(here, part))
    elif not part.new and (missing := _missing_indexes(here, parent, part)):
        yield Hit(
            f"indexes like {', '.join(missing)} are built on {part.name} while nobody can read or write it",
            f"-- build them CONCURRENTLY on {part.name} first",
        )
    elif not part.new and (missing := _missing_keys(parent, part)):
        yield Hit(
            f"every row of {part.name} is looked up for {', '.join(missing)} while nobody can read or write it",
            f"-- add the same foreign keys to {part.name} first: NOT VALID, then VALIDATE, then attach",
        )
    default = _default(here, parent)
    if default is not None and not bound.is_default and not outside(default, parent.partition_key, bound):
        yield Hit(
            f"every row of the DEFAULT partition {default.name} is read while nobody can read or write it",
            f"-- give {default.name} a CHECK that keeps these values out: NOT VALID, then VALIDATE, then attach",
        )


def _needs_no_scan(here: Here, parent: Table, part: Table, bound: pb.PartitionBoundSpec) -> bool:
    if bound.is_default:
        return parent.new or (parent.known and not here.world.partitions(parent.key))
    return inside(part, parent.partition_key, bound)


def _missing_indexes(here: Here, parent: Table, part: Table) -> list[str]:
    """Indexes of the parent that the new partition lacks."""
    if not (parent.known and part.known):
        return []
    own = here.world.indexes_of(part.key)
    return [one.key[1] for one in here.world.indexes_of(parent.key) if not any(_alike(one, other) for other in own)]


def _missing_keys(parent: Table, part: Table) -> list[str]:
    """Foreign keys of the parent that the new partition lacks."""
    own = {(one.columns, one.referenced) for one in part.constraints if one.kind == "f" and one.valid}
    wanted = [one for one in parent.constraints if one.kind == "f"] if parent.known and part.known else []
    return [one.name for one in wanted if (one.columns, one.referenced) not in own]


def _alike(wanted: Index, index: Index) -> bool:
    return wanted.columns == index.columns and wanted.unique == index.unique and index.valid


def _default(here: Here, parent: Table) -> Table | None:
    return next(
        (
            one
            for one in here.world.partitions(parent.key)
            if one.bound is not None and one.bound.is_default and not one.new
        ),
        None,
    )


def _with_check(here: Here, part: Table) -> str:
    name = quote_ident(f"{part.key[1]}_bounds"[:63])
    place = relation_name(definition(here.command).partition_cmd.name)
    return script(
        f"-- ALTER TABLE {place} ADD CONSTRAINT {name} CHECK (... the partition's bounds, and IS NOT NULL) NOT VALID",
        LATER,
        f"ALTER TABLE {place} VALIDATE CONSTRAINT {name}",
        LATER,
        written(here.tree),
    )


def _made_beside_default(here: Here) -> Iterator[Hit]:
    tree = here.tree
    if not tree.HasField("partbound") or tree.partbound.is_default:
        return
    parent = here.world.table_of(tree.inh_relations[0].range_var)
    default = _default(here, parent)
    if default is not None and not parent.new and not outside(default, parent.partition_key, tree.partbound):
        yield Hit(f"every row of the DEFAULT partition {default.name} is read while nobody can use {parent.name}")


def _detach(here: Here) -> Iterable[Hit]:
    command = definition(here.command).partition_cmd
    if command.concurrent or not here.old:
        return
    part = here.world.table_of(command.name)
    if part.new:
        return
    if _default(here, here.table) is not None:
        text = "-- a DEFAULT partition forbids CONCURRENTLY: set a short lock_timeout and try again until it passes"
    else:
        text = script(
            "-- outside a transaction:",
            alter(here.tree, f"DETACH PARTITION {relation_name(command.name)} CONCURRENTLY"),
        )
    yield Hit(f"{here.table.name} and {part.name} are locked against reads and writes", text)


def _parent(here: Here) -> Iterable[Hit]:
    tree = here.tree
    if isinstance(tree, pb.DropStmt):
        yield from _drop_partition(here)
        return
    if not tree.HasField("partbound"):
        return
    parent = here.world.table_of(tree.inh_relations[0].range_var)
    here_already = tree.if_not_exists and here.world.has_table(tree.relation.schemaname, tree.relation.relname)
    if parent.new or here_already:
        return
    yield Hit(
        f"{parent.name} is locked against reads and writes, and its partitions with it",
        _made_alone(here, parent),
    )


def _made_alone(here: Here, parent: Table) -> str:
    tree = here.tree
    name = relation_name(tree.relation)
    attach = copied(tree)
    del attach.table_elts[:]
    # CREATE TABLE x PARTITION OF y <bounds> ... holds the bounds as they are written in ATTACH.
    text = written(attach)
    start = text.find(" FOR VALUES")
    bounds = text[start:].strip() if start >= 0 else "DEFAULT"
    options = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES"
    if attach.HasField("partspec"):
        bounds = bounds.split(" PARTITION BY", 1)[0]
        options += ") PARTITION BY" + text.rsplit(" PARTITION BY", 1)[-1]
        create = f"CREATE TABLE {name} (LIKE {shown(parent.key)} {options}"
    else:
        create = f"CREATE TABLE {name} (LIKE {shown(parent.key)} {options})"
    return script(create, f"ALTER TABLE {shown(parent.key)} ATTACH PARTITION {name} {bounds}")


def _drop_partition(here: Here) -> Iterator[Hit]:
    if here.tree.remove_type != pb.OBJECT_TABLE:
        return
    for schema, name in object_names(here.tree):
        part = here.world.table(schema, name)
        if part.parent is None:
            continue
        parent = here.world.table(*part.parent)
        if parent.new:
            continue
        yield Hit(
            f"dropping {part.name} locks {parent.name} against reads and writes",
            script(
                "-- outside a transaction:",
                f"ALTER TABLE {shown(parent.key)} DETACH PARTITION {shown(part.key)} CONCURRENTLY",
                f"DROP TABLE {shown(part.key)}",
            ),
        )


def _not_valid(here: Here) -> Iterable[Hit]:
    if here.table.kind != "p" or here.options.version >= 18:
        return
    for constraint in here.constraints:
        if constraint.kind == "f" and constraint.node.skip_validation and constraint.node.is_enforced:
            parts = here.world.partitions(here.table.key)
            example = shown(parts[0].key) if parts else "each_partition"
            valid = copied(here.command)
            definition(valid).constraint.skip_validation = False
            definition(valid).constraint.initially_valid = True
            yield Hit(
                f"before PostgreSQL 18 a foreign key of a partitioned table cannot be NOT VALID ({here.table.name})",
                f"-- the same constraint NOT VALID on {example} and every other partition, VALIDATE each, then:\n"
                + script(alter_with(here.tree, valid)),
            )


RULES = (
    Rule(
        "attach_partition_scan", "blocking", "error", "ATTACH PARTITION reads a partition",
        "The new partition, and the DEFAULT partition, are read under ACCESS EXCLUSIVE to see that their rows fit,"
        " unless a valid CHECK proves it.",
        "A CHECK like the bounds, NOT VALID, then VALIDATE, then ATTACH PARTITION.",
        frozenset({"AT_AttachPartition", "CreateStmt"}), _attach,
    ),
    Rule(
        "detach_partition_blocks", "blocking", "error", "DETACH PARTITION blocks reads and writes",
        "DETACH PARTITION takes ACCESS EXCLUSIVE on the partitioned table.",
        "DETACH PARTITION ... CONCURRENTLY outside a transaction.", frozenset({"AT_DetachPartition"}), _detach,
    ),
    Rule(
        "not_valid_unsupported_on_partitioned", "fails", "error", "NOT VALID foreign key of a partitioned table",
        "Before PostgreSQL 18 a partitioned table cannot have a foreign key that is NOT VALID.",
        "Partition by partition: NOT VALID, VALIDATE; then the valid constraint on the partitioned table finds them.",
        frozenset({"AT_AddConstraint"}), _not_valid,
    ),
    Rule(
        "parent_partition_lock", "blocking", "warning", "The partitioned table is locked",
        "CREATE TABLE ... PARTITION OF and DROP TABLE of a partition take ACCESS EXCLUSIVE on the partitioned table:"
        " behind it queues every query while it waits for those that run.",
        "CREATE TABLE (LIKE ...), then ATTACH PARTITION; DETACH PARTITION ... CONCURRENTLY, then DROP TABLE.",
        frozenset({"CreateStmt", "DropStmt"}), _parent,
    ),
)  # fmt: skip
