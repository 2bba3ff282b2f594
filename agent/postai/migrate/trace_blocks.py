"""DO blocks: their statements are tried one by one, or the block as it is where that is safe and says more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from postai.migrate.lint.blocks import Block, read_block
from postai.migrate.trace_forms import evaluates, names_catalog, way_of
from postai.migrate.trace_picture import Picture
from postai.migrate.types import BLOCKS, Traced
from postai.scratch.harmless import Harmless
from postai.sql.nodes import messages
from postai.sql.parse import Statement

_CATALOGS = ("pg_catalog", "information_schema")
_READS = frozenset({"SelectStmt"})
_STRENGTH = {mode: number for number, mode in enumerate(BLOCKS)}
_IN_A_BLOCK = "25001"


def held(tree: Any) -> tuple[Message, ...]:
    """Trees of everything inside a DO statement; () = it is none."""
    block = read_block(tree) if tree.DESCRIPTOR.name == "DoStmt" else None
    return () if block is None else (*(one.tree for one in block.statements), *(block.expressions or ()))


def runs_on_copy(block: Block, harmless: Harmless, picture: Picture, path: tuple[str, ...]) -> bool:
    """Whether a block can run as it is in a database that is a copy, and does there what it would do here.

    Only DDL whose text is known and that computes nothing, without loops; what decides about it reads catalogs alone
    and calls only PostgreSQL's harmless functions.
    """
    if not (block.complete and block.followed) or block.expressions is None:
        return False
    read = list(block.expressions)
    for one in block.statements:
        if one.tree.DESCRIPTOR.name in _READS:
            read.append(one.tree)
        elif not _plain(one, picture, path):
            return False
    return all(_of_catalogs(tree, picture, path) for tree in read) and all(
        harmless.culprit(tree) is None for tree in (*read, *(one.tree for one in block.statements))
    )


def _plain(statement: Statement, picture: Picture, path: tuple[str, ...]) -> bool:
    """Whether the statement is DDL that neither runs a query nor brings code, nor works on a catalog."""
    tree: Any = statement.tree
    brings_code = tree.DESCRIPTOR.name in ("CreateFunctionStmt", "CreateExtensionStmt")
    stands = way_of(statement) == "run" and not evaluates(tree)
    return stands and not brings_code and not names_catalog(tree, picture, path)


def _of_catalogs(tree: Message, picture: Picture, path: tuple[str, ...]) -> bool:
    """Whether a query reads no table but catalogs, and writes nothing."""
    for node in messages(tree):
        kind = node.DESCRIPTOR.name
        if kind in ("IntoClause", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "LockingClause"):
            return False
        if kind == "RangeVar" and node.schemaname not in _CATALOGS:
            own = picture.find(node.schemaname or None, node.relname, path) is not None
            if node.schemaname or own or not node.relname.startswith("pg_"):
                return False
    return True


def together(
    statement: Statement, block: Block, found: Sequence[Traced], before: Picture, path: tuple[str, ...]
) -> Traced:
    """What a block does, of what its statements do, each taken to run.

    Args:
        statement: the DO statement.
        found: one for each statement of the block.
        before: the relations before it.
        path: schemas of the search_path.
    """
    alone = next((one for one in found if not one.in_transaction), None)
    if alone is not None:
        words = " ".join(alone.statement.split())[:80]
        return Traced(statement.sql, error=f"cannot be executed from a function: {words}", sqlstate=_IN_A_BLOCK)
    known = {one.label for one in before.by_oid.values()}
    locks: dict[str, str] = {}
    for one in found:
        for name, mode in one.locks.items():
            if name in known:
                locks[name] = max(locks.get(name, mode), mode, key=_STRENGTH.__getitem__)
    names = {name for one in found for name in (*one.rewrites, *one.rebuilt_indexes, *one.scans)} & known
    shown = {one.label: before.shown(one, path) for one in before.by_oid.values() if one.label in {*locks, *names}}
    tried = block.complete and all(one.traced and one.error is None for one in found)
    ends = any(one.tree.DESCRIPTOR.name == "TransactionStmt" for one in block.statements)

    def all_of(some: Sequence[Sequence[str]]) -> tuple[str, ...]:
        return tuple(sorted({name for one in some for name in one} & known))

    return Traced(
        statement.sql,
        locks={name: locks[name] for name in sorted(locks)},
        blocks={name: BLOCKS[locks[name]] for name in sorted(locks)},
        rewrites=all_of([one.rewrites for one in found]),
        rebuilt_indexes=all_of([one.rebuilt_indexes for one in found]),
        scans=all_of([one.scans for one in found]),
        in_transaction=not ends,
        traced=tried,
        note=_note(block, found),
        shown=shown,
    )


def _note(block: Block, found: Sequence[Traced]) -> str | None:
    notes = []
    if not block.complete:
        notes.append("not tried: text that the block makes while it runs is not known")
    if not block.straight:
        notes.append("as if each of the block's statements ran")
    notes += [
        f"{' '.join(one.statement.split())[:80]}: {one.error or one.note}" for one in found if one.error or one.note
    ]
    return "; ".join(notes) or None
