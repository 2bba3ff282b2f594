"""Writes rows in many short transactions along a key, so that nobody waits long and nothing is done twice.

How far the rows are is written in the transaction of each batch. So whoever goes on after a crash begins behind the
last row that was committed. Rows that came under the key meanwhile are found by a last look, and another walk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from postai.database import Database, ServerError
from postai.database.identifiers import quote_ident
from postai.errors import Refused, VerificationFailed
from postai.proposals.batch_sql import BatchSql, fills
from postai.proposals.monitor import Watch
from postai.proposals.pace import Pace
from postai.proposals.types import Backfill, RunnerOptions

LARGEST = 200_000
MOST_WALKS = 3
_QUARTERS = (25, 50, 75)


@dataclass(frozen=True)
class Bearable:
    """What others bear: rows of a first batch, seconds of replay lag, active sessions, sessions that wait for locks."""

    rows: int
    lag: float
    active: int
    waiting: int


@dataclass(frozen=True)
class Position:
    """How far a backfill is; the checkpoint of the action has the same fields.

    Attributes:
        bound: the highest key when it began, as texts.
        key: the last key that was looked at; None = before the first.
        rows: written so far.
        seen: looked at in this walk.
        total: rows of the table when it began, as PostgreSQL estimates.
        size: rows that the next batch looks at.
        walks: walks along the whole key that were ended.
    """

    bound: list[str]
    key: list[str] | None
    rows: int
    seen: int
    total: int
    size: int
    walks: int = 0

    @property
    def done(self) -> float:
        """Part of the walk that lies behind, 0 to 1."""
        return 1.0 if self.walks else min(1.0, round(self.seen / max(1, self.total), 3))


@dataclass(frozen=True)
class BatchWriter:
    """What the step runner gives to a backfill.

    Attributes:
        limits: statements that set the time-outs of the open transaction; the longest that a statement may run.
        role: owner of the table.
        save: notes the position and the quarters just passed, in the open transaction.
        mark: notes the step as done, in the open transaction.
        patiently: runs an attempt again while it fails for locks.
        require_window: raises when the time is over.
        monitor: the watch over the action.
        say: tells the log.
    """

    limits: Callable[[float], str]
    role: str
    save: Callable[[Mapping[str, Any], Sequence[int]], None]
    mark: Callable[[float], None]
    patiently: Callable[[Callable[[], None]], None]
    require_window: Callable[[], None]
    monitor: Watch
    say: Callable[[str, str], None]


class Batches:
    """One backfill on one session.

    Args:
        db: session that writes the rows.
        sql: the runner's statements.
    """

    def __init__(
        self, db: Database, sql: Mapping[str, str], backfill: Backfill, options: RunnerOptions, bearable: Bearable
    ) -> None:
        self._db = db
        self._sql = sql
        self._options = options
        self._bearable = bearable
        self._table = backfill.table
        with db.transaction():
            db.execute("set local search_path = pg_catalog, pg_temp")
            types = [row[0] for row in db.query(sql["key_types"], [backfill.table, list(backfill.key)])]
        if not types or None in types:
            raise Refused(f"{backfill.table} has no columns {', '.join(backfill.key)} to walk along")
        self._texts = BatchSql(backfill, types)
        self._fills = fills(backfill)
        self._looked = 0.0

    def run(self, to: BatchWriter, checkpoint: Mapping[str, Any]) -> None:
        """Write all rows that need it and mark the step.

        Args:
            checkpoint: of the attempt before, if it was at this step; {} = from the beginning.
        """
        began = time.monotonic()
        pace = Pace(self._counted, to.monitor.pause, self._options.batch_rest)
        position = self._resume(to, checkpoint) if checkpoint else self._first(to)
        try:
            for _ in range(MOST_WALKS):
                while position is not None:
                    to.monitor.check()
                    to.require_window()
                    self._rest(to)
                    position = self._next(to, position, pace)
                if not self._any_left(to):
                    break
                position = self._first(to)
            else:
                raise VerificationFailed(
                    f"rows of {self._table} were not written by the backfill",
                    detail="They come by a way that fires no triggers, or a trigger of the table writes them back.",
                    hint="Look for what writes them, then apply the proposal again.",
                )
        finally:
            to.monitor.note({})
        with self._db.transaction():
            to.mark(time.monotonic() - began)
        to.say("step.marked", "all rows are written")

    def _first(self, to: BatchWriter) -> Position | None:
        total = int(self._db.query(self._sql["rows"], [self._table])[0][0])
        found: list[tuple[Any, ...]] = []
        with self._as_owner(to):
            found = self._db.query(self._texts.last_key())
        if not found:
            return None
        return Position(list(found[0][0]), None, 0, 0, total, max(1, self._bearable.rows))

    def _resume(self, to: BatchWriter, checkpoint: Mapping[str, Any]) -> Position:
        names = Position.__dataclass_fields__
        position = Position(**{name: value for name, value in checkpoint.items() if name in names})
        to.say("step.resumed", f"goes on behind {position.key}, {position.rows} rows were written")
        return position

    def _next(self, to: BatchWriter, position: Position, pace: Pace) -> Position | None:
        """One batch; None = no row is left."""
        if position.walks and position.key is None and not self._is_left(to, position):
            return None
        results: list[Position] = []
        began = 0.0

        def attempt() -> None:
            nonlocal began
            began = time.monotonic()
            results[:] = [self._batch(to, position)]

        try:
            to.patiently(attempt)
        except ServerError as error:
            to.monitor.check()
            to.require_window()
            took = time.monotonic() - began
            if error.sqlstate != "57014" or position.size == 1 or took < self._options.batch_timeout * 0.9:
                raise
            to.say("step.batch_missed", f"{position.size} rows took longer than {self._options.batch_timeout:.0f} s")
            return replace(position, size=max(1, position.size // 10))
        took = time.monotonic() - began
        after = results[0]
        to.say(
            "step.batch",
            f"{after.rows} rows written, {after.done:.1%}, took {took * 1000:.0f} ms, at work {pace.share:.0%}",
        )
        pace.after_batch(took)
        factor = min(2.0, max(0.25, self._options.batch_ms / max(1.0, took * 1000)))
        return replace(after, size=min(LARGEST, max(1, int(after.size * factor))))

    def _is_left(self, to: BatchWriter, position: Position) -> bool:
        """Whether another walk is needed: rows came, or changed their key, behind the one that was ended."""
        if position.walks >= MOST_WALKS:
            return False
        with self._as_owner(to, self._options.statement_timeout):
            return bool(self._db.query(self._texts.rest(), position.bound)[0][0])

    def _any_left(self, to: BatchWriter) -> bool:
        """Whether rows of a column that is filled are still empty, whoever wrote them: what follows builds on it."""
        found: list[bool] = []

        def look() -> None:
            with self._as_owner(to, self._options.statement_timeout):
                found.append(bool(self._db.query(self._texts.any_left())[0][0]))

        if self._fills:
            to.patiently(look)
        return any(found)

    def _batch(self, to: BatchWriter, position: Position) -> Position:
        first = position.key is None
        before = [] if position.key is None else position.key
        with self._as_owner(to) as transaction:
            span = [*before, *position.bound]
            end = self._db.query(self._texts.slice_end(first=first), [*span, position.size - 1])
            upper = list(end[0][0]) if end else position.bound
            written = self._db.execute(self._texts.batch(first=first), [*before, *upper])
            transaction.leave()
            seen = min(position.seen + position.size, max(position.total, position.seen))
            after = replace(position, key=upper, rows=position.rows + written, seen=seen)
            if not end:
                after = replace(after, key=None, walks=position.walks + 1)
            passed = [one for one in _QUARTERS if position.done * 100 < one <= after.done * 100]
            to.save({**asdict(after), "done": after.done}, passed)
        return after

    def _as_owner(self, to: BatchWriter, seconds: float | None = None) -> _OwnerTransaction:
        return _OwnerTransaction(self._db, to, seconds or self._options.batch_timeout)

    def _counted(self) -> tuple[int, int]:
        ids, ended = self._db.query(self._sql["counted"])[0]
        return ids, ended

    def _rest(self, to: BatchWriter) -> None:
        """Wait while standbys are late or others are busy; looked at twice a second at most."""
        if time.monotonic() - self._looked < 0.5:
            return
        while (why := self._overload()) is not None:
            to.monitor.note({"phase": f"paused: {why}"})
            to.say("step.paused", why)
            to.monitor.pause(0.5)
            to.require_window()
        self._looked = time.monotonic()

    def _overload(self) -> str | None:
        lag, active, waiting = self._db.query(self._sql["load"])[0]
        if lag > self._bearable.lag:
            return f"a standby is {lag:.0f} s late"
        if active > self._bearable.active:
            return f"{active} sessions are active"
        if waiting > self._bearable.waiting:
            return f"{waiting} sessions wait for locks"
        return None


class _OwnerTransaction:
    """A transaction as the table's owner; `leave` ends what he does and goes back to the agent's role."""

    def __init__(self, db: Database, to: BatchWriter, seconds: float) -> None:
        self._db = db
        self._to = to
        self._seconds = seconds
        self._transaction = db.transaction()

    def __enter__(self) -> _OwnerTransaction:
        self._transaction.__enter__()
        try:
            # Where a policy would hide rows from the owner, the server says so and writes nothing.
            self._db.execute(
                f"{self._to.limits(self._seconds)};set local row_security = off;"
                f"set local role {quote_ident(self._to.role)}"
            )
        except BaseException as error:
            self._transaction.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def leave(self) -> None:
        self._db.execute(
            "set constraints all immediate;set local role none;set local row_security = on;"
            + self._to.limits(self._seconds)
        )

    def __exit__(self, *error: Any) -> bool | None:
        return self._transaction.__exit__(*error)
