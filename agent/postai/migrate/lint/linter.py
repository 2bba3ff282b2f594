"""Lints a text of SQL: every statement in its place, in the transaction and the world that those before it made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.migrate.lint.blocks import inner_statements
from postai.migrate.lint.effects import apply
from postai.migrate.lint.locks import strong_locks
from postai.migrate.lint.notes import worth_knowing
from postai.migrate.lint.reading import constraint_name, definition
from postai.migrate.lint.registry import EVERY, by_node, places
from postai.migrate.lint.rule import Here, Hit, Rule, Session
from postai.migrate.lint.text import EVERYTHING, Piece, Places, Script, cut, without_rows, without_variables
from postai.migrate.lint.types import LintOptions, LintReport, Mistake, StatementReport
from postai.migrate.lint.world import Key, Known, World
from postai.migrate.types import Finding
from postai.sql.parse import Statement, Unparsable, parse

_CHUNK = 1 << 18
"""Characters that are parsed at once."""
_LONG = 1 << 19
"""From this many characters on the rows of an INSERT are left out."""
_FREE_LABELS_SINCE = 17
"""Since then a value that is added to an enum of the same transaction can be used at once."""
_SCANS = frozenset({"table_rewrite", "set_not_null_scan", "check_scan"})
_NOT_REFUSED = frozenset({"identifier_too_long", "nested_transaction", "uncommitted_transaction", "unbatched_backfill"})


def lint_text(text: str, options: LintOptions | None = None, known: Known | None = None) -> LintReport:
    """What is hazardous in a text of SQL statements.

    Args:
        text: for psql or a driver: psql's own commands and COPY data in it are passed over.
        options: None = the newest version, every rule with its own severity.
        known: what the database that the text is for holds (`load_known`); None = unknown.

    Returns:
        every statement with its findings, and what does not parse; nothing is executed.
    """
    run = _Run(text, options or LintOptions(), known or Known())
    return run.report()


@dataclass(frozen=True)
class _Seen:
    """A hit, until it is known to stay."""

    number: int
    rule: Rule
    hit: Hit
    transaction: int


class _Run:
    """The linting of one text."""

    def __init__(self, text: str, options: LintOptions, known: Known) -> None:
        self._script: Script = cut(text)
        self._places = Places(text)
        self._options = options
        self._world = World(known)
        self._session = Session()
        self._pending: list[_Seen] = []
        self._kept: dict[int, list[_Seen]] = {}
        self._notes: dict[int, list[str]] = {}
        self._scanned: frozenset[Key] = frozenset()
        self._mistakes: list[Mistake] = []

    def report(self) -> LintReport:
        """Judge every statement."""
        parsed = list(self._parsed())
        for number, (_, statement) in enumerate(parsed):
            self._statement(number, statement)
        self._settle("transaction")
        self._settle("end")
        reports = tuple(self._report_of(number, piece, statement) for number, (piece, statement) in enumerate(parsed))
        return LintReport(reports, tuple(self._mistakes))

    # -- reading

    def _parsed(self) -> Iterator[tuple[Piece, Statement]]:
        chunk: list[Piece] = []
        length = 0
        for piece in self._script.pieces:
            if length + len(piece.sql) > _CHUNK:
                yield from self._parse_chunk(chunk)
                chunk, length = [], 0
            chunk.append(piece)
            length += len(piece.sql)
        yield from self._parse_chunk(chunk)

    def _parse_chunk(self, pieces: list[Piece]) -> Iterator[tuple[Piece, Statement]]:
        if not pieces:
            return
        try:
            statements = parse(";\n".join(piece.sql for piece in pieces))
        except Unparsable:
            statements = ()
        if len(statements) == len(pieces):
            yield from zip(pieces, statements, strict=True)
            return
        for piece in pieces:
            yield from self._parse_one(piece)

    def _parse_one(self, piece: Piece) -> Iterator[tuple[Piece, Statement]]:
        whole = without_rows(piece.sql) if len(piece.sql) > _LONG else piece.sql
        for sql in dict.fromkeys((whole, without_variables(whole))):
            try:
                statements = parse(sql)
            except Unparsable as error:
                mistake = error
            else:
                yield from ((piece, one) for one in statements)
                return
        line, column = self._places.at(piece.start + mistake.offset)
        self._mistakes.append(Mistake(mistake.message, line, column))

    # -- judging

    def _statement(self, number: int, statement: Statement) -> None:
        tree = statement.tree
        hits: list[str] = []
        locked: set[Key] = set()
        session = self._session
        for act_tree, command, inside in _acts(tree):
            here = Here(
                act_tree, command, statement.sql if command is None or not hits else "", self._world,
                replace(session, function=True) if inside else session, self._options, hits, self._scanned,
                self._notes.setdefault(number, []),
            )  # fmt: skip
            found = list(_judged(here))
            here.notes += worth_knowing(here)
            locked |= strong_locks(here)
            hits += [rule.name for rule, _ in found]
            self._keep(number, found)
            if inside and isinstance(act_tree, pb.TransactionStmt):
                session.strong, session.not_valid, session.labels = (), frozenset(), {}
                continue
            self._remember(here)
            apply(self._world, act_tree, command)
            if inside:
                session.strong += tuple(sorted(locked))
        self._after(tree, hits, locked)

    def _keep(self, number: int, found: list[tuple[Rule, Hit]]) -> None:
        for rule, hit in found:
            seen = _Seen(number, rule, hit, self._session.number)
            if hit.unless is None:
                self._kept.setdefault(number, []).append(seen)
            else:
                self._pending.append(seen)

    def _remember(self, here: Here) -> None:
        """What later statements of the same transaction must know."""
        session, tree = self._session, here.tree
        if here.command is not None and here.command.subtype == pb.AT_AddConstraint:
            session.not_valid |= {
                (here.table.key, constraint_name(here.table.key[1], one))
                for one in here.constraints
                if not one.checked and definition(here.command).constraint.skip_validation
            }
        elif isinstance(tree, pb.AlterEnumStmt) and tree.new_val and not tree.old_val:
            names = [item.string.sval for item in tree.type_name]
            key = self._world.key(names[-2] if len(names) > 1 else "", names[-1], among=self._world.types)
            known = self._world.types.get(key)
            if tree.skip_if_new_val_exists and known is not None and tree.new_val in known.labels:
                return
            if self._options.version < _FREE_LABELS_SINCE or key not in session.types:
                session.labels = {**session.labels, tree.new_val: key}
        elif isinstance(tree, pb.CreateEnumStmt):
            names = [item.string.sval for item in tree.type_name]
            session.types |= {self._world.key(names[-2] if len(names) > 1 else "", names[-1], among=self._world.types)}

    def _after(self, tree: Any, hits: list[str], locked: set[Key]) -> None:
        session = self._session
        if isinstance(tree, pb.AlterTableStmt) and _SCANS & set(hits):
            self._scanned |= {self._world.table_of(tree.relation).key}
        if isinstance(tree, pb.TransactionStmt):
            self._transaction(tree)
        elif session.explicit:
            session.strong += tuple(sorted(locked))
        else:
            self._settle("transaction")
            session.end()

    def _transaction(self, tree: Any) -> None:
        session = self._session
        match tree.kind:
            case pb.TRANS_STMT_BEGIN | pb.TRANS_STMT_START:
                if not session.explicit:
                    session.end()
                    session.explicit = True
                    session.saved = self._world.saved()
            case pb.TRANS_STMT_COMMIT | pb.TRANS_STMT_PREPARE:
                self._settle("transaction")
                session.end()
                session.explicit = bool(tree.chain)
            case pb.TRANS_STMT_ROLLBACK:
                self._settle("transaction")
                if session.saved is not None:
                    self._world.restore(session.saved)
                session.end()
                session.explicit = bool(tree.chain)

    def _settle(self, until: str) -> None:
        """Decide on hits that waited for what the text says later."""
        waiting = self._pending
        self._pending = [seen for seen in waiting if seen.hit.until != until]
        for seen in waiting:
            if seen.hit.until == until and seen.hit.unless is not None and not seen.hit.unless(self._world):
                self._kept.setdefault(seen.number, []).append(seen)

    # -- telling

    def _report_of(self, number: int, piece: Piece, statement: Statement) -> StatementReport:
        line, column = self._places.at(piece.start)
        ignored = piece.ignored | self._script.ignored
        findings = []
        for seen in sorted(self._kept.get(number, ()), key=lambda one: places()[one.rule.name]):
            level = self._options.levels.get(seen.rule.name, seen.rule.severity)
            if level == "off" or EVERYTHING in ignored or seen.rule.name in ignored:
                continue
            findings.append(
                Finding(
                    number + 1, seen.rule.name, level, seen.hit.message, seen.hit.instead or _prose(seen.rule.instead),
                    line, column,
                )
            )  # fmt: skip
        findings = list(dict.fromkeys(findings))
        hazards = tuple(dict.fromkeys(finding.hazard for finding in findings))
        return StatementReport(
            statement.sql, line, column, hazards, tuple(findings), tuple(self._notes.get(number, ()))
        )


def _prose(text: str) -> str:
    return text if text.startswith("--") else f"-- {text}"


def _acts(tree: Message) -> Iterator[tuple[Any, Any | None, bool]]:
    """What a statement does, one thing after the other: (statement, command of its ALTER TABLE, in a DO block)."""
    node: Any = tree
    if isinstance(node, pb.AlterTableStmt):
        yield from ((node, item.alter_table_cmd, False) for item in node.cmds)
        return
    yield node, None, False
    if isinstance(node, pb.CreateSchemaStmt):
        for item in node.schema_elts:
            for inner, command, _ in _acts(getattr(item, str(item.WhichOneof("node")))):
                yield inner, command, False
    elif isinstance(node, pb.DoStmt):
        for statement in inner_statements(node):
            for inner, command, _ in _acts(statement):
                yield inner, command, True


def _judged(here: Here) -> Iterator[tuple[Rule, Hit]]:
    """What the rules find in one act."""
    kind = here.tree.DESCRIPTOR.name if here.command is None else pb.AlterTableType.Name(here.command.subtype)
    rules = by_node().get(kind, by_node()[EVERY])
    found = [(rule, hit) for rule in rules if not rule.derived for hit in rule.check(here)]
    refused = any(rule.kind == "fails" and rule.name not in _NOT_REFUSED for rule, _ in found)
    if refused:  # a statement that PostgreSQL refuses blocks nobody
        found = [(rule, hit) for rule, hit in found if rule.kind != "blocking" or rule.name in _NOT_REFUSED]
    yield from found
    before = len(here.hits)
    here.hits += [rule.name for rule, _ in found]
    yield from [(rule, hit) for rule in rules if rule.derived for hit in rule.check(here)]
    del here.hits[before:]
