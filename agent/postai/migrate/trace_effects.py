"""Which tables a statement rewrites and reads, told from files, messages of the server and its kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.migrate.trace_known import rewritten_by
from postai.migrate.trace_picture import LOCKABLE, STORED, Picture

_READ = re.compile(r'^(?:rewriting|verifying) table "(.*)"$', re.DOTALL)
_BUILT = re.compile(r'^building index "(.*)" on table "(.*)" (?:serially|with request for .*)$', re.DOTALL)
_KEY = re.compile(r'^validating foreign key constraint "(.*)"$', re.DOTALL)
_IMPLIED = re.compile(r'^updated partition constraint for default partition ".*" is implied by existing constraints$')


@dataclass(frozen=True)
class Seen:
    """What was seen of one statement.

    Attributes:
        tree: its node.
        said: messages of the server at level DEBUG1.
        locks: relation that was there before -> strongest mode.
        before, after: the relations of the copy.
        path: schemas of the search_path.
        sequential: schema and name of the tables that the plan of a statement on rows reads from end to end.
    """

    tree: Any
    said: Sequence[str]
    locks: Mapping[int, str]
    before: Picture
    after: Picture
    path: tuple[str, ...]
    sequential: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Effects:
    """Relations that were there before, by oid.

    Attributes:
        rewrites: tables whose rows were written anew.
        rebuilt: indexes that were built anew.
        scans: tables that would be read completely.
    """

    rewrites: frozenset[int] = frozenset()
    rebuilt: frozenset[int] = frozenset()
    scans: frozenset[int] = frozenset()

    def __or__(self, other: Effects) -> Effects:
        return Effects(self.rewrites | other.rewrites, self.rebuilt | other.rebuilt, self.scans | other.scans)


def effects(seen: Seen) -> Effects:
    """What a statement did, beside its locks."""
    before, after = seen.before, seen.after
    rewrites = frozenset(
        oid
        for oid, one in before.by_oid.items()
        if one.kind in STORED and oid in after.by_oid and after.by_oid[oid].file != one.file
    )
    files = {(one.schema, one.name): one.file for one in after.by_oid.values() if one.kind == "i"}
    rebuilt = frozenset(
        oid
        for oid, one in before.by_oid.items()
        if one.kind == "i" and files.get((one.schema, one.name), one.file) != one.file
    )
    scans = _by_messages(seen) | _by_kind(seen, rewrites)
    return Effects(rewrites, rebuilt, frozenset(scans & before.by_oid.keys()))


def _by_messages(seen: Seen) -> set[int]:
    """Tables that the server said it reads."""
    kind: str = seen.tree.DESCRIPTOR.name
    if kind == "TruncateStmt" or (kind == "RefreshMatViewStmt" and seen.tree.skip_data):
        return set()  # builds indexes on the files it has just emptied
    found: set[int] = set()
    for text in seen.said:
        if match := _READ.match(text):
            found |= _called(seen, match[1])
        elif match := _BUILT.match(text):
            found |= _called(seen, match[2])
        elif match := _KEY.match(text):
            found |= _validated(seen, match[1])
    return found


def _validated(seen: Seen, name: str) -> set[int]:
    """The tables of the foreign keys with this name that the statement has made or validated."""
    found: set[int] = set()
    for one in seen.after.keys.values():
        old = seen.before.keys.get(one.oid)
        if one.name == name and one.validated and (old is None or not old.validated):
            found |= _leaves(seen.before, (one.referencing, one.referenced))
    return found


def _called(seen: Seen, name: str) -> set[int]:
    """The tables with this name (messages do not say the schema) among those that are locked."""
    locked = (seen.before.by_oid[oid] for oid in seen.locks)
    return {one.oid for one in locked if one.name == name and one.kind in STORED}


def _by_kind(seen: Seen, rewrites: Iterable[int]) -> set[int]:
    """Tables that are read without a message, or with none where they are empty."""
    tree = seen.tree
    kind: str = tree.DESCRIPTOR.name
    if rewritten_by(tree):
        return set(rewrites)
    if kind == "RefreshMatViewStmt":
        return _refreshed(seen)
    if kind == "CreateTableAsStmt":
        return set() if tree.into.skip_data else _read(seen)
    if kind == "SelectStmt" and tree.HasField("into_clause"):
        return _read(seen)
    if kind == "AlterDomainStmt" and _checks_values(tree):
        return {oid for oid in seen.locks if seen.before.by_oid[oid].kind in STORED}
    if kind == "AlterTableStmt":
        return _detached(seen)
    if kind == "CreateStmt" and tree.HasField("partbound"):
        return _default_partition(seen)
    return {one.oid for schema, name in seen.sequential if (one := seen.before.find(schema, name, seen.path))}


def _refreshed(seen: Seen) -> set[int]:
    tree = seen.tree
    if tree.skip_data:
        return set()
    view = seen.before.find(tree.relation.schemaname or None, tree.relation.relname, seen.path)
    found = _read(seen) - ({view.oid} if view else set())
    return found | ({view.oid} if view and tree.concurrent else set())


def _read(seen: Seen) -> set[int]:
    """The tables of a query, all of which are taken to be read completely."""
    return {oid for oid in seen.locks if seen.before.by_oid[oid].kind in STORED}


def _checks_values(tree: Any) -> bool:
    """Whether ALTER DOMAIN looks at the values that are there."""
    if tree.subtype == "C":
        return not getattr(tree, "def").constraint.skip_validation
    return tree.subtype in ("V", "O")


def _default_partition(seen: Seen) -> set[int]:
    """The default partition, where rows of a new partition could be."""
    (parent, *_) = seen.tree.inh_relations
    found = seen.before.find(parent.range_var.schemaname or None, parent.range_var.relname, seen.path)
    if found is None or seen.tree.partbound.is_default or any(_IMPLIED.match(text) for text in seen.said):
        return set()
    default = seen.before.default_of(found)
    return _leaves(seen.before, [default.oid]) if default is not None else set()


def _detached(seen: Seen) -> set[int]:
    """Of a detached partition that foreign keys refer to: itself and the tables that may still do so."""
    found: set[int] = set()
    for one in seen.tree.cmds:
        if one.alter_table_cmd.subtype == pb.AT_DetachPartition:
            name = getattr(one.alter_table_cmd, "def").partition_cmd.name
            partition = seen.before.find(name.schemaname or None, name.relname, seen.path)
            for key in seen.before.keys.values():
                if partition is not None and key.referenced == partition.oid:
                    found |= _leaves(seen.before, (key.referencing, key.referenced))
    return found


def _leaves(picture: Picture, oids: Iterable[int]) -> set[int]:
    roots = [picture.by_oid[oid] for oid in oids if oid in picture.by_oid]
    return {leaf.oid for root in roots for leaf in picture.leaves(root)}


def lockable(locks: Mapping[int, str], before: Picture) -> dict[int, str]:
    """The locks on tables, views and materialized views that were there before."""
    return {oid: mode for oid, mode in locks.items() if oid in before.by_oid and before.by_oid[oid].kind in LOCKABLE}
