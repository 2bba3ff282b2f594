"""Indexes that are built, dropped or rebuilt while nobody else may write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.migrate import naming
from postai.migrate.lint.effects import proves_not_null
from postai.migrate.lint.phrasing import LATER, alter, copied, relation_name, script, written
from postai.migrate.lint.reading import NewConstraint, constraint_name, index_columns, object_names, option
from postai.migrate.lint.retyping import by_second_column, changes_order, retype_rewrites
from postai.migrate.lint.rule import Here, Hit, Rule
from postai.migrate.lint.world import Index, Key, Table, shown

_PARTITIONED = (
    "build it ON ONLY the partitioned table, then CONCURRENTLY on each partition, then ALTER INDEX ... ATTACH PARTITION"
)


def _build(here: Here) -> Iterable[Hit]:
    tree, table = here.tree, here.table
    if here.command is not None:
        yield from _rebuild(here)
        return
    if tree.concurrent or not here.old or table.kind == "m" or not tree.relation.inh:
        return
    if tree.if_not_exists and tree.idxname and here.world.index(table.key[0], tree.idxname):
        return
    instead = copied(tree)
    if table.kind == "p":
        instead.relation.inh = False
        text = script(written(instead), f"-- {_PARTITIONED}")
    else:
        instead.concurrent = True
        if not tree.idxname:  # the name that the server gives, so that a leftover can be found by it
            columns = naming.joined(naming.index_columns(tree))
            instead.idxname = naming.object_name(tree.relation.relname, columns, "idx")
        text = script("-- outside a transaction; drop an invalid leftover of that name first:", written(instead))
    yield Hit(f"no row of {table.name} can be written while the index is built", text)


def _rebuild(here: Here) -> Iterator[Hit]:
    """A change of type that leaves the rows alone but not the indexes on them."""
    if not here.old or retype_rewrites(here) is not False:
        return
    name, reordered = here.command.name, changes_order(here)
    names = [
        one.key[1]
        for one in here.world.indexes_of(here.table.key)
        if name in one.computed or (reordered and name in one.columns)
    ]
    if names:
        yield Hit(
            f"the change of {name} builds {', '.join(names)} anew while nobody can read {here.table.name}",
            by_second_column(here),
        )


def _drop(here: Here) -> Iterable[Hit]:
    if here.tree.remove_type != pb.OBJECT_INDEX or here.tree.concurrent:
        return
    for schema, name in object_names(here.tree):
        index = here.world.index(schema, name)
        if index is None and here.world.complete and here.tree.missing_ok:
            continue
        if index is not None and (index.new or here.world.table(*index.table).new):
            continue
        full = f"{quote_ident(schema)}.{quote_ident(name)}" if schema else quote_ident(name)
        if index is not None and here.world.table(*index.table).kind == "p":
            yield Hit(
                f"dropping {full} locks {shown(index.table)} and its partitions against reads and writes",
                "-- a partitioned index has no CONCURRENTLY: set a short lock_timeout and try again until it passes",
            )
            continue
        yield Hit(
            f"dropping {full} locks its table against reads and writes, and waits for every query that runs there",
            script("-- outside a transaction:", f"DROP INDEX CONCURRENTLY {'IF EXISTS ' * here.tree.missing_ok}{full}"),
        )


def _reindex(here: Here) -> Iterable[Hit]:
    tree = here.tree
    if option(tree.params, "concurrently"):
        return
    if tree.kind == pb.REINDEX_OBJECT_TABLE and not here.old:
        return
    if tree.kind == pb.REINDEX_OBJECT_INDEX:
        index = here.world.index(tree.relation.schemaname, tree.relation.relname)
        if index is not None and (index.new or here.world.table(*index.table).new):
            return
    instead = copied(tree)
    instead.params.add().def_elem.defname = "concurrently"
    what = relation_name(tree.relation) if tree.HasField("relation") else tree.name or "the database"
    possible = tree.kind != pb.REINDEX_OBJECT_SYSTEM
    yield Hit(
        f"REINDEX of {what} blocks writes, and reads that would use the index",
        script("-- outside a transaction:", written(instead)) if possible else "-- in a maintenance window",
    )


def _unique(here: Here) -> Iterable[Hit]:
    return _constraint_builds(here, "u", "UNIQUE")


def _primary(here: Here) -> Iterable[Hit]:
    return _constraint_builds(here, "p", "PRIMARY KEY")


def _constraint_builds(here: Here, kind: str, words: str) -> Iterator[Hit]:
    if here.is_new_table or not here.old:
        return
    for constraint in here.constraints:
        if constraint.kind == kind and not constraint.node.indexname:
            yield Hit(
                f"{words} builds its index while {here.table.name} is locked against reads and writes",
                _using_index(here, constraint, words),
            )


def _using_index(here: Here, constraint: NewConstraint, words: str) -> str | None:
    """The constraint on an index that was built before."""
    table, node = here.table, constraint.node
    if table.kind == "p" or node.without_overlaps:
        return None
    name = constraint_name(table.key[1], constraint)
    columns = ", ".join(quote_ident(one) for one in constraint.columns)
    distinct = " NULLS NOT DISTINCT" if node.nulls_not_distinct else ""
    place = relation_name(here.tree.relation)
    index = f"CREATE UNIQUE INDEX CONCURRENTLY {quote_ident(name)} ON {place} ({columns}){distinct}"
    add = alter(here.tree, f"ADD CONSTRAINT {quote_ident(name)} {words} USING INDEX {quote_ident(name)}")
    column = ""
    if constraint.column is not None:
        column = alter(here.tree, f"ADD COLUMN {quote_ident(constraint.column.name)} ...")
        return f"-- {column}, without {words}, then:\n" + script(index, add)
    nullable = [one for one in constraint.columns if not proves_not_null(table, one)] if words != "UNIQUE" else []
    reminder = f"-- first see that these are NOT NULL, without a scan: {', '.join(nullable)}" if nullable else ""
    return script(reminder, "-- outside a transaction:", index, LATER, add)


def _nullable_key(here: Here) -> Iterable[Hit]:
    if not here.old:
        return
    for constraint in here.constraints:
        if constraint.kind != "p" or not constraint.node.indexname:
            continue
        index = here.world.index("", constraint.node.indexname)
        if index is None:
            continue
        columns = [one for one in index.columns if one and _is_nullable(here.table, one)]
        if columns:
            yield Hit(
                f"PRIMARY KEY makes {', '.join(columns)} NOT NULL, which reads all of {here.table.name} under"
                " a lock against reads and writes",
                script(
                    not_null_script(here.tree, here.table, columns, here.options.version), LATER, written(here.tree)
                ),
            )


def _is_nullable(table: Table, column: str) -> bool:
    """Whether it is known that a column may hold NULL as far as the server can prove."""
    known = table.columns.get(column)
    return known is not None and known.not_null is False and not proves_not_null(table, column)


def not_null_script(tree: Any, table: Table, columns: list[str], version: int) -> str:
    """Statements that make columns NOT NULL without a scan under a strong lock; the last has no semicolon."""
    parts: list[str] = []
    for column in columns:
        name = quote_ident(f"{table.key[1]}_{column}_not_null"[:63])
        quoted = quote_ident(column)
        rule = f"NOT NULL {quoted}" if version >= 18 else f"CHECK ({quoted} IS NOT NULL)"
        parts += [
            alter(tree, f"ADD CONSTRAINT {name} {rule} NOT VALID"),
            LATER,
            alter(tree, f"VALIDATE CONSTRAINT {name}"),
        ]
        if version < 18:
            parts += [
                alter(tree, f"ALTER COLUMN {quoted} SET NOT NULL"),
                alter(tree, f"DROP CONSTRAINT {name}"),
            ]
    return script(*parts).removesuffix(";")


def _exclusion(here: Here) -> Iterable[Hit]:
    if here.is_new_table or not here.old:
        return
    for constraint in here.constraints:
        if constraint.kind == "x":
            yield Hit(f"EXCLUDE builds its index while {here.table.name} is locked against reads and writes")


def _wide(here: Here) -> Iterable[Hit]:
    tree = here.tree
    columns = index_columns(tree)
    if not tree.unique and len(columns) > 3 and tree.access_method not in ("gin", "brin", "bloom"):
        yield Hit(f"an index on {len(columns)} columns is large, and slows every write of {here.table.name}")


def _on_partitioned(here: Here) -> Iterable[Hit]:
    tree = here.tree
    if isinstance(tree, pb.IndexStmt):
        if tree.concurrent and here.table.kind == "p":
            instead = copied(tree)
            instead.concurrent = False
            instead.relation.inh = False
            yield Hit(
                f"{here.table.name} is partitioned: PostgreSQL refuses CONCURRENTLY there",
                script(written(instead), f"-- {_PARTITIONED}"),
            )
        return
    if tree.remove_type != pb.OBJECT_INDEX or not tree.concurrent:
        return
    for schema, name in object_names(tree):
        index = here.world.index(schema, name)
        if index is not None and here.world.table(*index.table).kind == "p":
            yield Hit(
                f"{quote_ident(name)} is the index of a partitioned table: PostgreSQL refuses CONCURRENTLY there",
                script(f"DROP INDEX {quote_ident(name)}"),
            )


def covers(indexes: Iterable[Index], columns: tuple[str, ...], table: Key) -> bool:
    """Whether an index begins with these columns, in any order."""
    wanted = set(columns)
    return any(
        index.table == table and index.valid and not index.partial and set(index.columns[: len(wanted)]) == wanted
        for index in indexes
    )


def _foreign_key_index(here: Here) -> Iterable[Hit]:
    if isinstance(here.tree, pb.CreateStmt):
        table = Table(
            (here.tree.relation.schemaname or here.world.search_path[0], here.tree.relation.relname), new=True
        )
        certain = all(item.WhichOneof("node") != "table_like_clause" for item in here.tree.table_elts)
    else:
        table, certain = here.table, here.table.known or here.table.new
    if here.tree.relation.relpersistence == "t" or (not here.is_new_table and here.missing):
        return
    for constraint in here.constraints:
        if constraint.kind != "f" or not constraint.columns or constraint.node.contype != pb.CONSTR_FOREIGN:
            continue
        if not constraint.checked and not constraint.node.is_enforced:
            continue
        if not (certain or constraint.column is not None):
            continue
        yield _lacks_index(here, table, constraint)


def _lacks_index(here: Here, table: Table, constraint: NewConstraint) -> Hit:
    columns = ", ".join(quote_ident(one) for one in constraint.columns)
    key = table.key
    if here.tree.relation.relpersistence != "t" and key not in here.world.tables and not here.is_new_table:
        key = here.table.key
    referenced = here.world.table_of(constraint.node.pktable).name
    place = relation_name(here.tree.relation)
    if here.is_new_table or here.table.new:
        instead = script(f"CREATE INDEX ON {place} ({columns})")
    elif here.table.kind == "p":
        instead = script(f"CREATE INDEX ON ONLY {place} ({columns})", f"-- {_PARTITIONED}")
    else:
        instead = script(f"CREATE INDEX CONCURRENTLY ON {place} ({columns})")
    return Hit(
        f"no index on {table.name} ({columns}): every DELETE and key UPDATE of {referenced} reads the whole table",
        instead,
        unless=lambda world: covers(world.indexes.values(), constraint.columns, key) or key not in world.tables,
    )


_ADDS = frozenset({"AT_AddColumn", "AT_AddConstraint"})

RULES = (
    Rule(
        "index_build_blocks_writes", "blocking", "error", "Index build blocks writes",
        "CREATE INDEX holds a SHARE lock until the index is complete: INSERT, UPDATE and DELETE wait, on every"
        " partition of a partitioned table.",
        "CREATE INDEX CONCURRENTLY outside a transaction.", frozenset({"IndexStmt", "AT_AlterColumnType"}), _build,
    ),
    Rule(
        "index_drop_blocks_all", "blocking", "error", "Dropping an index blocks reads and writes",
        "DROP INDEX takes ACCESS EXCLUSIVE on the table; queries queue behind it while it waits for those that run.",
        "DROP INDEX CONCURRENTLY outside a transaction.", frozenset({"DropStmt"}), _drop,
    ),
    Rule(
        "reindex_blocks", "blocking", "error", "REINDEX blocks",
        "REINDEX holds SHARE on the table and ACCESS EXCLUSIVE on the index until it is built anew.",
        "REINDEX ... CONCURRENTLY outside a transaction.", frozenset({"ReindexStmt"}), _reindex,
    ),
    Rule(
        "unique_build", "blocking", "error", "UNIQUE builds an index under a strong lock",
        "The index is built while the table is locked ACCESS EXCLUSIVE.",
        "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... UNIQUE USING INDEX; of a partitioned table build"
        " the index partition by partition.",
        _ADDS, _unique,
    ),
    Rule(
        "primary_key_build", "blocking", "error", "PRIMARY KEY builds an index under a strong lock",
        "The index is built, and nullable columns are checked, while the table is locked ACCESS EXCLUSIVE.",
        "CREATE UNIQUE INDEX CONCURRENTLY, NOT NULL first, then ADD PRIMARY KEY USING INDEX.",
        _ADDS, _primary,
    ),
    Rule(
        "pk_using_nullable_index", "blocking", "error", "PRIMARY KEY over nullable columns",
        "PRIMARY KEY USING INDEX sets its columns NOT NULL and reads the whole table for it under ACCESS EXCLUSIVE.",
        "Make the columns NOT NULL first, through a constraint that is validated.",
        frozenset({"AT_AddConstraint"}), _nullable_key,
    ),
    Rule(
        "exclusion_build", "blocking", "error", "EXCLUDE builds an index under a strong lock",
        "The index is built while the table is locked ACCESS EXCLUSIVE; PostgreSQL has no online form.",
        "Add it while the table is small or in a maintenance window; else copy into a new table that has it.",
        _ADDS, _exclusion,
    ),
    Rule(
        "cic_on_partitioned", "fails", "error", "CONCURRENTLY on a partitioned table",
        "PostgreSQL refuses to build or drop the index of a partitioned table CONCURRENTLY.",
        f"Partition by partition: {_PARTITIONED}.", frozenset({"IndexStmt", "DropStmt"}), _on_partitioned,
    ),
    Rule(
        "fk_without_index", "performance", "advice", "Foreign key without an index",
        "Every DELETE and every key UPDATE in the referenced table looks for referencing rows, without an index in the"
        " whole table.",
        "CREATE INDEX CONCURRENTLY on the referencing columns first.",
        frozenset({"CreateStmt", *_ADDS}), _foreign_key_index,
    ),
    Rule(
        "wide_index", "performance", "advice", "Index on more than three columns",
        "Each further column makes the index larger and writes slower, and few queries use all of them.",
        "Index the two or three most selective columns; others may go into INCLUDE.",
        frozenset({"IndexStmt"}), _wide,
    ),
)  # fmt: skip
