"""Statements that do not go together in one transaction."""

from __future__ import annotations

import re
from collections.abc import Iterable

import postgast
from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.migrate.lint.locks import takes_long
from postai.migrate.lint.phrasing import alter, relation_name, script, written
from postai.migrate.lint.reading import constants, definition, option
from postai.migrate.lint.rule import Here, Hit, Rule
from postai.migrate.lint.world import World, shown

_LONGEST = 63
_LONG_NAME = re.compile(r'"(?:[^"]|""){22,}"|[\w$]{22,}')
"""Candidates: 63 bytes are at least 16 characters of four bytes; 22 of three."""


def _concurrently(here: Here) -> Iterable[Hit]:
    if not here.session.in_block:
        return
    tree = here.tree
    match tree:
        case pb.IndexStmt() | pb.DropStmt():
            wanted = bool(tree.concurrent)
        case pb.ReindexStmt():
            wanted = option(tree.params, "concurrently")
        case _:
            wanted = bool(definition(here.command).partition_cmd.concurrent)
    if wanted:
        where = "a DO block" if here.session.function else "a transaction"
        yield Hit(
            f"PostgreSQL refuses CONCURRENTLY inside {where}",
            script("-- as a statement of its own, outside a transaction:", written(tree)),
        )


def _nested(here: Here) -> Iterable[Hit]:
    if _begins(here) and here.session.explicit:
        yield Hit("a transaction is already open: this BEGIN does nothing, and the next COMMIT ends both")


def _uncommitted(here: Here) -> Iterable[Hit]:
    if (_begins(here) and not here.session.explicit) or here.tree.chain:
        session, number = here.session, here.session.number + 1

        def ended(_: World) -> bool:
            return not (session.explicit and session.number == number)

        yield Hit("no COMMIT follows: everything since is rolled back", unless=ended)


def _begins(here: Here) -> bool:
    return here.tree.kind in (pb.TRANS_STMT_BEGIN, pb.TRANS_STMT_START)


def _new_label(here: Here) -> Iterable[Hit]:
    labels = here.session.labels
    if not labels or isinstance(here.tree, pb.AlterEnumStmt | pb.CommentStmt | pb.TransactionStmt | pb.DoStmt):
        return
    part = here.tree if here.command is None else here.command
    for label in sorted(constants(part) & set(labels)):
        if _goes_elsewhere(here, label):
            continue
        yield Hit(
            f"'{label}' cannot be used before the transaction that added it to {shown(labels[label])} commits",
            "-- COMMIT between ALTER TYPE ... ADD VALUE and this statement",
        )


def _goes_elsewhere(here: Here, label: str) -> bool:
    """Whether the text is known to be for columns of other types."""
    tree = here.tree
    if isinstance(tree, pb.InsertStmt | pb.UpdateStmt) and here.table.known:
        enum = here.session.labels[label]
        kinds = [here.world.type_of(one.type) for one in here.table.columns.values() if one.type is not None]
        return not any(one is not None and one.key == enum for one in kinds)
    return False


def _validate(here: Here) -> Iterable[Hit]:
    pair = (here.table.key, here.command.name)
    if pair in here.session.not_valid and not here.table.new:
        yield Hit(
            f"{here.table.name} is still locked by the statement that added {quote_ident(here.command.name)} while all"
            " its rows are read",
            script("COMMIT", alter(here.tree, f"VALIDATE CONSTRAINT {quote_ident(here.command.name)}")),
        )


def _held(here: Here) -> Iterable[Hit]:
    if (
        not here.session.strong
        or "validate_in_same_transaction" in here.hits
        or "lock_held_across_statements" in here.hits
    ):
        return
    if takes_long(here):
        names = ", ".join(sorted(shown(key) for key in set(here.session.strong)))
        yield Hit(
            f"it runs while {names} {'is' if len(set(here.session.strong)) == 1 else 'are'} locked by an earlier"
            " statement of the transaction: nobody can read there until it is done",
            "-- COMMIT before this statement, or put it before those that lock",
        )


def _several(here: Here) -> Iterable[Hit]:
    if here.table.key in here.scanned and {"table_rewrite", "set_not_null_scan", "check_scan"} & set(here.hits):
        yield Hit(
            f"an earlier ALTER TABLE reads all of {here.table.name} too",
            f"-- one ALTER TABLE {relation_name(here.tree.relation)} with all the changes reads it once",
        )


def long_names(sql: str) -> list[str]:
    """Identifiers of a statement that are longer than PostgreSQL keeps."""
    if _LONG_NAME.search(sql) is None:
        return []
    data = sql.encode("utf-8")
    found = []
    for token in postgast.scan(sql).tokens:
        if token.token in (pb.IDENT, pb.UIDENT):
            name = data[token.start : token.end].decode("utf-8")
            if name.startswith('"'):
                name = name[1:-1].replace('""', '"')
            if len(name.encode("utf-8")) > _LONGEST:
                found.append(name)
    return found


def _too_long(here: Here) -> Iterable[Hit]:
    for name in dict.fromkeys(long_names(here.sql)):
        cut = name.encode("utf-8")[:_LONGEST].decode("utf-8", "ignore")
        yield Hit(f"the name has {len(name.encode('utf-8'))} bytes: PostgreSQL cuts it to {cut}")


_CONCURRENT = frozenset({"IndexStmt", "DropStmt", "ReindexStmt", "AT_DetachPartition"})

RULES = (
    Rule(
        "cic_in_transaction", "fails", "error", "CONCURRENTLY inside a transaction",
        "The CONCURRENTLY forms run in several transactions of their own; inside a transaction block or a function"
        " PostgreSQL refuses them.",
        "Run it as a statement of its own.", _CONCURRENT, _concurrently,
    ),
    Rule(
        "nested_transaction", "fails", "error", "BEGIN inside a transaction",
        "PostgreSQL has no nested transactions: the second BEGIN only warns, and the first COMMIT ends the whole.",
        "Use SAVEPOINT, or COMMIT first.", frozenset({"TransactionStmt"}), _nested,
    ),
    Rule(
        "uncommitted_transaction", "fails", "error", "BEGIN without COMMIT",
        "What follows BEGIN is rolled back when the session ends, and its locks are held until then.",
        "COMMIT;", frozenset({"TransactionStmt"}), _uncommitted,
    ),
    Rule(
        "identifier_too_long", "fails", "warning", "Name longer than 63 bytes",
        "PostgreSQL cuts the name silently: what is looked up by the whole name is not found, and two names may become"
        " one.",
        "A shorter name.", frozenset({"*"}), _too_long,
    ),
    Rule(
        "enum_value_used_in_same_transaction", "fails", "error", "Enum value used before COMMIT",
        "A value that ALTER TYPE ... ADD VALUE added cannot be used until its transaction has committed.",
        "COMMIT first.", frozenset({"*"}), _new_label,
    ),
    Rule(
        "validate_in_same_transaction", "blocking", "error", "VALIDATE in the transaction of NOT VALID",
        "NOT VALID keeps its strong lock until COMMIT: validating before that reads the table under it, which is what"
        " NOT VALID was to avoid.",
        "COMMIT between the two.", frozenset({"AT_ValidateConstraint"}), _validate,
    ),
    Rule(
        "lock_held_across_statements", "blocking", "error", "Slow statement under a strong lock",
        "A lock is held until the transaction ends: a slow statement after one that took ACCESS EXCLUSIVE keeps every"
        " reader waiting.",
        "COMMIT between them.", frozenset({"*"}), _held, derived=True,
    ),
    Rule(
        "multiple_alters_same_table", "performance", "advice", "Several ALTER TABLE read one table",
        "Each reads or rewrites the whole table; the commands of one ALTER TABLE share one pass.",
        "One ALTER TABLE with all commands.", frozenset({"AT_AddColumn", "AT_AddConstraint", "AT_AlterColumnType",
                                                         "AT_SetNotNull"}),
        _several, derived=True,
    ),
)  # fmt: skip
