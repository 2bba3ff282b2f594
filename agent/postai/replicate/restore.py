"""Running the statements of a schema on the new server, so that a crash at any point leaves nothing half done.

Statements go in messages of many, each message one transaction that also notes what it did, in the move's own schema on
the target. A run after a crash skips what is noted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from postai.database import ServerError, named_sql
from postai.database.errors import ConnectionLost
from postai.database.identifiers import quote_ident, quote_literal
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.errors import FeatureMissing, LockNotObtained, NotPermitted, PostaiError
from postai.replicate import dump_text
from postai.replicate.types import Finding, Level, OnStep, Side, own_schema

# Statements in one message, which is one transaction: every object that it makes stays locked until its end.
AT_A_TIME = 100
_LOCK_TRIES = 5
_THERE = frozenset({"42P07", "42710", "42P06", "42723", "42701", "42P16", "42712"})
_PREPARED = (
    "set check_function_bodies = off; set xmloption = content; set row_security = off; set jit = off; "
    "set client_min_messages = warning; set search_path = ''; set standard_conforming_strings = on"
)
_AS_BEFORE = (
    "reset check_function_bodies; reset xmloption; reset row_security; reset jit; reset client_min_messages; "
    "reset search_path; reset standard_conforming_strings; reset statement_timeout"
)
_INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX ")
_KEY = re.compile(r"ALTER TABLE ONLY (.+?)\n    ADD CONSTRAINT ", re.DOTALL)
_KEY_KIND = re.compile(
    r'ALTER TABLE ONLY [^;]*?\n    ADD CONSTRAINT (?:"(?:[^"]|"")*"|[^\W\d][\w$]*) (?:PRIMARY KEY|UNIQUE|EXCLUDE)\b'
)


@dataclass
class Notes:
    """What was run already for a move, as noted on its target; None of it in a trial.

    Attributes:
        known: digests of statements.
        resumed: whether there were any when this run began.
    """

    move: int | None
    known: set[str] = field(default_factory=set)
    resumed: bool = False

    @classmethod
    def read(cls, target: Database, move: int) -> Notes:
        """The notes of a move, whose schema is there."""
        sql = named_sql.load(__package__, "schema.sql")
        target.execute(sql["restored_table"].replace("{schema}", own_schema(move)))
        known = {one for (one,) in target.query(sql["restored"].replace("{schema}", own_schema(move)))}
        return cls(move, known, bool(known))

    def statement(self, digests: Sequence[str]) -> str:
        """The statement that notes them."""
        note = named_sql.load(__package__, "schema.sql")["note"].replace("{schema}", own_schema(self.move or 0))
        return note.replace("{statements}", ", ".join(f"({quote_literal(one)})" for one in digests))


def prepare(db: Database) -> None:
    """Make a session ready for statements of pg_dump."""
    db.execute(_PREPARED)


def give_memory(db: Database, sessions: int) -> None:
    """Memory for building indexes, for one of so many sessions that do so at a time."""
    db.query(named_sql.load(__package__, "schema.sql")["memory"], (max(sessions, 1),))


@contextmanager
def prepared(db: Database, deadline: Deadline) -> Iterator[None]:
    """The same for the length of a block, in somebody else's session; statements may take as long as the deadline."""
    prepare(db)
    db.execute(f"set statement_timeout = {limit_ms(deadline)}")
    try:
        yield
    finally:
        db.execute(_AS_BEFORE)


@dataclass
class Run:
    """One run of statements on one session.

    Attributes:
        db: prepared by `prepare`.
        notes: what was run before, and is noted.
        failed: None = the first statement that fails ends the run; else they are kept here and the run goes on.
        found: statements that were spared, as findings.
    """

    db: Database
    notes: Notes
    deadline: Deadline
    failed: list[tuple[str, ServerError]] | None = None
    found: list[Finding] = field(default_factory=list)

    def all(self, statements: Iterable[str], on_step: OnStep, step: str) -> None:
        """Run them in order; each message is a boundary of `step`."""
        waiting = [
            one for one in statements if dump_text.of_session(one) or dump_text.digest(one) not in self.notes.known
        ]
        done = 0
        for part in _parts(waiting):
            self.deadline.check()
            done += len(part)
            if not all(dump_text.of_session(one) for one in part):
                self.some(part)
                on_step(step, f"{done} of {len(waiting)} statements")

    def some(self, statements: Sequence[str]) -> None:
        """Run these in one transaction; where that fails, in smaller ones, down to the statement that fails."""
        try:
            self._together(statements)
        except ServerError as error:
            self.deadline.check()
            if len(statements) == 1:
                self._single(statements[0], error)
                return
            half = len(statements) // 2
            self.some(statements[:half])
            self.some(statements[half:])

    def _together(self, statements: Sequence[str]) -> None:
        digests = [dump_text.digest(one) for one in statements if not dump_text.of_session(one)]
        note = [self.notes.statement(digests)] if self.notes.move is not None and digests else []
        # The note stands first: later a statement may have made the session another role.
        if len(statements) == 1 and dump_text.secret(statements[0]):
            self._secretly(statements[0], note)
        else:
            self.db.execute(";\n".join((*note, *statements)))
        self.notes.known.update(digests)

    def _secretly(self, statement: str, note: Sequence[str]) -> None:
        """Run a statement with a password in it without its text in the server's log."""
        with self.db.transaction():
            for one in note:
                self.db.execute(one)
            secretly(self.db, statement)

    def _single(self, statement: str, error: ServerError) -> None:
        for _ in range(_LOCK_TRIES):
            if error.sqlstate != "55P03":
                break
            self.deadline.check()
            self.deadline.cancel.wait(0.5)
            try:
                self._together([statement])
            except ServerError as again:
                error = again
            else:
                return
        if error.sqlstate == "42501" and self._lent(statement):
            return
        if error.sqlstate in _THERE and self.notes.resumed:
            self.notes.known.add(dump_text.digest(statement))
        elif self.failed is not None:
            self.failed.append((statement, error))
        elif dump_text.spared(statement):
            self.found.append(warning(statement, error))
        else:
            raise refused(statement, error) from error

    def _lent(self, statement: str) -> bool:
        """Give an object away to a role that may make none in its schema: it may for as long as that takes."""
        schema, owner = dump_text.owner_change(statement) or (None, "")
        if schema is None:
            return False
        lend = f"create on schema {quote_ident(schema)}"
        try:
            self.db.execute(f"grant {lend} to {quote_ident(owner)}")
            try:
                self._together([statement])
            finally:
                self.db.execute(f"revoke {lend} from {quote_ident(owner)}")
        except ServerError:
            return False
        return True


def _parts(statements: Sequence[str]) -> Iterator[list[str]]:
    """Statements that go together; one with a password stands alone."""
    part: list[str] = []
    for one in statements:
        alone = dump_text.secret(one)
        if part and (alone or len(part) == AT_A_TIME):
            yield part
            part = []
        part.append(one)
        if alone:
            yield part
            part = []
    if part:
        yield part


def secretly(db: Database, statement: str) -> None:
    """Run a statement that holds a password, in a transaction: it gets into no log and no error of the server."""
    sql = named_sql.load(__package__, "schema.sql")
    db.query(sql["quiet"])
    db.query(sql["secret"], (statement,))
    db.execute(sql["secretly"])


def warning(statement: str, error: ServerError) -> Finding:
    """What a statement that was spared leaves to do."""
    what = f"the target did not take a statement: {error.message}"
    return Finding("schema_statement", Level.WARNING, Side.TARGET, what, (), (dump_text.shown(statement),))


def refused(statement: str, error: ServerError) -> PostaiError:
    """The error for a statement that the target does not take, with the way on."""
    detail = f"{error.message}{f' ({error.detail})' if error.detail else ''}; statement: {dump_text.shown(statement)}"
    message = "the target did not take a statement of the schema"
    if error.sqlstate == "42501":
        return NotPermitted(message, detail=detail, hint="Grant the right to the role that postai connects with there; "
                            "what was made stays, and the next call goes on.")  # fmt: skip
    if error.sqlstate == "55P03":
        return LockNotObtained(message, detail=detail, hint="Somebody uses the table; the next call goes on.")
    if error.sqlstate in _THERE:
        return FeatureMissing(message, detail=detail, hint="The target has an object of that name that is not the "
                              "move's: drop it there, or move into an empty database.")  # fmt: skip
    return FeatureMissing(message, detail=detail, hint="Change the object on the source, or make what it needs on the "
                          "target; what was made stays, and the next call goes on.")  # fmt: skip


def in_parallel(
    open_session: Callable[[], Database], notes: Notes, groups: Sequence[Sequence[str]], jobs: int, deadline: Deadline,
    on_step: OnStep, step: str,
) -> None:  # fmt: skip
    """Run groups of statements, each in order and in a transaction of its own, on several sessions.

    What fails for want of an object is left for the run in order that follows; the error would come there again.

    Args:
        open_session: opens a session of the target.
        groups: independent of each other.
        jobs: sessions at a time.
    """
    left = [[one for one in group if dump_text.digest(one) not in notes.known] for group in groups]
    waiting = [group for group in left if group]
    if not waiting:
        return
    sessions: list[Database] = []

    def work(group: Sequence[str]) -> None:
        db = sessions_free.pop()
        try:
            run = Run(db, notes, deadline, failed=[])
            for one in group:
                run.some([one])
        finally:
            sessions_free.append(db)

    try:
        for _ in range(min(jobs, len(waiting))):
            sessions.append(open_session())
            prepare(sessions[-1])
            give_memory(sessions[-1], jobs)
        sessions_free = list(sessions)
        with ThreadPoolExecutor(len(sessions)) as pool:
            futures: set[Future[None]] = {pool.submit(work, group) for group in waiting}
            try:
                _await(futures, len(waiting), deadline, on_step, step)
            except BaseException:
                cancel_all(futures, sessions)
                raise
    finally:
        for one in sessions:
            one.close()


def cancel_all(futures: Iterable[Future[None]], sessions: Sequence[Database]) -> None:
    """Cancel what other threads run on these sessions, until all of it has ended; what has not begun never does."""
    waiting = set(futures)
    for future in waiting:
        future.cancel()
    while waiting:
        for one in sessions:
            with suppress(ConnectionLost):  # the server is gone, and what runs there ends with the connection
                one.cancel()
        waiting = wait(waiting, 0.5).not_done  # a statement may only begin after the first time


def _await(futures: set[Future[None]], total: int, deadline: Deadline, on_step: OnStep, step: str) -> None:
    waiting = futures
    while waiting:
        done, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
        if done:
            on_step(step, f"{total - len(waiting)} of {total}")
        deadline.check()


def keys_and_indexes(statements: Sequence[str]) -> tuple[list[list[str]], list[list[str]]]:
    """Statements that can run at the same time: keys of each table together, then each index by itself."""
    keys: dict[str, list[str]] = {}
    indexes = []
    for one in statements:
        table = _KEY.match(one)
        if table and _KEY_KIND.match(one):
            keys.setdefault(table[1], []).append(one)
        elif _INDEX.match(one):
            indexes.append([one])
    return list(keys.values()), indexes


def keyed_table(statement: str) -> str | None:
    """The table of a statement that makes a key, as it stands there."""
    table = _KEY.match(statement)
    return table[1] if table and _KEY_KIND.match(statement) else None


def limit_ms(deadline: Deadline) -> int:
    """What is left of the time, as the limit of a statement in milliseconds; at least one second."""
    return max(1000, int(min(deadline.remaining(), 10**6) * 1000))
