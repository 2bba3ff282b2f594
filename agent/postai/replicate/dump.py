"""The move of a source that can only be read: its rows are copied in the pause, while nobody writes.

Nothing is followed, so nothing is copied before: roles and the schema without keys and indexes are made ahead, and the
pause has all the rest: rows as one snapshot has them, indexes and keys, a comparison of every row, the redirect. What
keeps writers away is PgBouncer, or a person who says that they are stopped; that nothing was written is looked at
before the clients are sent.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from postai.database import ServerError, named_sql
from postai.database.amounts import bytes_text, seconds_text
from postai.database.protocol import Database
from postai.deadline import Deadline, DeadlineExceeded
from postai.errors import PostaiError, Refused, VerificationFailed
from postai.replicate import (
    cleanup,
    fence,
    large_objects,
    native,
    schema,
    schema_compare,
    snapshot_copy,
    statistics,
    verify,
    writers,
)
from postai.replicate.cutover import Outcome, Run, Switch, SwitchUndone, resume_switch
from postai.replicate.schema import Section
from postai.replicate.sessions import Watch
from postai.replicate.types import (
    USERS_SCHEMA,
    Finding,
    Lag,
    Level,
    MoveOptions,
    OnStep,
    Progress,
    Side,
    Step,
    object_name,
    own_schema,
)
from postai.replicate.undo import ARRIVED, SwitchUnfinished
from postai.replicate.verified import Mode, Sides, Verified, VerifyOptions

# Of max_pause, what is there for the work: the rest is for undoing it (cutover.Limits).
WINDOW_SHARE = 0.8
# A standby hears from a primary at rest at least so often (half of wal_receiver_timeout, 60 s by default).
HEARD_SECONDS = 45.0
# Servers publish what they counted about once in a second; but a session that wrote twice within a second keeps the
# second back until it has rested for 10 s, or does something again (before 15 always until then).
COUNTED_SECONDS, RESTED_SECONDS = 1.5, 12.0
PUBLISHED_AT_REST = 150_000
STATEMENT_SECONDS = 3_600.0
# A name that a person has taken for one of the things that `_strip` takes away is in use: it may stay.
_STAYS = frozenset({"2BP01", "42704", "42P01", "0A000"})


@dataclass(frozen=True)
class NoStream:
    """The stream of a move that follows nothing: what a turn asks of a stream is answered, and nothing is done.

    Attributes:
        move: id of the move.
        publisher_side: the side whose changes are not followed.
        schemas: only these; () = all of the user's.
    """

    move: int
    publisher_side: Side
    schemas: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return object_name(self.move, "fwd" if self.publisher_side is Side.SOURCE else "rev")

    def prepare(self, publisher: Database, subscriber: Database) -> None:
        """Nothing."""

    def mark(self, publisher: Database) -> None:
        """Nothing."""

    def start(self, publisher: Database, subscriber: Database) -> None:
        """Nothing."""

    def pump(self, publisher: Database, subscriber: Database) -> None:
        """Nothing."""

    def gates(self, publisher: Database, subscriber: Database) -> tuple[Finding, ...]:  # noqa: ARG002
        return ()

    def flows(self, subscriber: Database) -> bool:  # noqa: ARG002
        return False

    def ready(self, publisher: Database) -> bool:  # noqa: ARG002
        return False

    def stop(self, publisher: Database, subscriber: Database) -> None:
        """Nothing."""

    def copy(self, publisher: Database, subscriber: Database, *, hold: bool = False) -> None:
        """Nothing: rows are copied in the pause."""

    def progress(self, publisher: Database, subscriber: Database) -> tuple[Progress, ...]:  # noqa: ARG002
        return tuple(
            Progress(one.qualified, "waiting", 0, 0, max(one.rows, 0), one.bytes, None)
            for one in native.tables(publisher, self.schemas)
        )

    def unfinished(self, publisher: Database, subscriber: Database) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def lag(self, publisher: Database, subscriber: Database) -> Lag:  # noqa: ARG002
        return Lag(None, None, None, False, None, None, None)

    def written(self, publisher: Database, subscriber: Database) -> bool:  # noqa: ARG002
        return False

    def reconnect(self, subscriber: Database) -> None:
        """Nothing."""


@dataclass(frozen=True)
class DumpSwitch(Switch):
    """A switch that copies within its pause.

    Attributes:
        name: of the move, for what a person can do.
        dsns: connection strings of both sides.
        options: of the move.
        expected: seconds that the work should take.
        stopped: a person says that nobody writes to the source, nor will.
        rehearse: whether it is only tried: nobody is held back, the source may be written to.
        tell: shows what is done at this moment; None = nothing any more.
        compared: gets what the comparison found.
    """

    name: str = ""
    dsns: Mapping[Side, str] = field(default_factory=dict, repr=False)
    options: MoveOptions = field(default_factory=MoveOptions)
    expected: float = 0.0
    stopped: bool = False
    rehearse: bool = False
    tell: Callable[[str | None], None] = lambda _what: None
    compared: Callable[[Verified], None] = lambda _found: None

    def writer_gates(self, old: Database) -> tuple[Finding, ...]:
        if self.rehearse:
            return ()
        found: list[Finding] = []

        def blocker(check: str, what: str, objects: tuple[str, ...] = (), fix: tuple[str, ...] = ()) -> None:
            found.append(Finding(check, Level.BLOCKER, Side.SOURCE, what, objects, fix))

        short = self.expected > self.limits.max_pause * WINDOW_SHARE
        allow = max(10, math.ceil(self.expected / WINDOW_SHARE * 1.5)) if short else self.limits.max_pause
        command = f"post-ai replicate cutover {self.name}"
        again = f"{command}{'' if self.driver.holds else ' --writers-stopped'} --max-pause {allow:g}"
        if not (self.stopped or self.driver.holds):
            blocker("writers", "nothing keeps writers from the source, which can only be read", (),
                    ("stop everything that writes there, and keep it stopped", f"then say so: {again}"))  # fmt: skip
        if short:
            what = f"the pause would be about {seconds_text(self.expected)}"
            blocker("max_pause", f"{what}, and max_pause is {seconds_text(self.limits.max_pause)}", (),
                    (f"allow more: {again}", f"measure it, with nobody held back: {command} --rehearse"))  # fmt: skip
        if gids := writers.prepared(old):
            blocker("prepared_transactions", "there are prepared transactions, which could be committed later", gids,
                    ("COMMIT PREPARED or ROLLBACK PREPARED each of them",))  # fmt: skip
        if self.stopped and not self.driver.holds and (tables := _writing(old)):
            blocker("writers", "writers are not stopped: transactions that write have not ended", tables,
                    ("stop what writes to these tables",))  # fmt: skip
        if _standby(old) and not _hears(old):
            blocker("standby", "it cannot be seen that the standby has all of its primary: it streams nothing, or this "
                    "role may not see it", (), ("let it stream", "GRANT pg_read_all_stats on the primary"))  # fmt: skip
        return tuple(found)

    def run(self, on_step: OnStep, old: Database, new: Database, cancel: Deadline | None) -> Run:
        return _Run(self, on_step, old, new, cancel)


def gates(source: Database, target: Database, move: int, schemas: tuple[str, ...]) -> tuple[Finding, ...]:
    """What stands against copying in the pause: another schema on the target."""
    found = schema_compare.compare_schema(source, target, schemas, move, after_rows=False)
    if not found:
        return ()
    what = f"the definitions differ: {found[0].shown}" + (f", and {len(found) - 1} more" if len(found) > 1 else "")
    fix = ("wait until the agent has taken it over", "or make the target as the source is")
    return (Finding("schema", Level.BLOCKER, Side.TARGET, what, tuple(one.shown for one in found), fix),)


def resume(plan: DumpSwitch, on_step: OnStep) -> Outcome:
    """Bring a switch to an end that was broken off: undone, the target's tables empty, or finished after the redirect.

    Rows that were all there stay until the next attempt: clients may have been there, and sent back by somebody.

    Raises:
        SwitchUnfinished: it is not known where the clients go, or they were sent to what is not copied.
    """
    with plan.open(Side.TARGET) as target:
        whole = fence.kept(target, plan.move, ARRIVED)
    outcome = resume_switch(plan, on_step)
    if outcome.serving is Side.SOURCE and not whole:
        empty(plan)
    return outcome


def empty(plan: DumpSwitch) -> None:
    """The target stands as before the copy: its tables are empty, without keys and indexes."""
    with plan.open(Side.SOURCE) as source, plan.open(Side.TARGET) as target:
        _empty(plan, source, target)


def _empty(plan: DumpSwitch, source: Database, target: Database) -> None:
    cleanup.empty(source, target, plan.move, plan.schemas)
    noted = target.query("select pg_catalog.to_regclass(%s) is not null", (f"{own_schema(plan.move)}.restored",))
    if noted == [(True,)]:
        given = list(plan.schemas)
        ours = [name for (name,) in source.query(_sql("relations"), (given, given))]
        for (statement,) in target.query(_sql("strip"), (ours,)):
            try:
                target.execute(statement)
            except ServerError as error:
                if error.sqlstate not in _STAYS:
                    raise
        target.query(_sql("forget").replace("{schema}", own_schema(plan.move)))


class _Run(Run):
    """One such switch on its way: what others do by a stream is done here by a copy."""

    plan: DumpSwitch

    def __init__(
        self, plan: DumpSwitch, on_step: OnStep, old: Database, new: Database, cancel: Deadline | None
    ) -> None:
        super().__init__(plan, on_step, old, new, cancel)
        self.may_hold = False
        self.began_at = _Standing.of(old, plan.schemas)
        self.proven = False

    def run(self, watch: Watch, *, rehearse: bool) -> Outcome:
        try:
            return super().run(watch, rehearse=rehearse)
        finally:
            if rehearse:
                empty(self.plan)
                self.plan.tell(None)

    def _crossed(self, deadline: Deadline) -> str:  # noqa: ARG002
        return "nothing is followed: rows are copied in the pause"

    def _shut(self, window: Deadline, names: tuple[str, ...]) -> None:  # noqa: ARG002
        self.plan.driver.pause(window)
        self._step(Step.PAUSED)
        if _standby(self.old):
            self.plan.tell("waits for the primary's last changes")
            _await_replayed(self.old, window)
        self.began_at = _Standing.of(self.old, self.plan.schemas)
        self._step(Step.FENCED, "the proxy holds the clients" if self.plan.driver.holds else
                   "a person says that nobody writes")  # fmt: skip

    def _drain(self, window: Deadline) -> None:
        plan = self.plan
        _empty(plan, self.old, self.new)
        with plan.open(Side.SOURCE) as keeper:
            snapshot = _export(keeper)
            rows = self._copy(snapshot, window)
            self.on_step("copied", f"{rows} rows")
            self._after_rows(window)
            self.on_step("finished", "indexes, keys, triggers, statistics")
            if not plan.rehearse:  # what was written since would be seen
                keeper.query("rollback")
                snapshot = _export(keeper)
            found = self._compare(snapshot, window)
        plan.compared(found)
        if not found.equal or found.schema:
            named = [*(f"table {one} is missing" for one in found.missing), *(one.table for one in found.different),
                     *found.schema]  # fmt: skip
            raise VerificationFailed(
                f"both sides differ after the copy: {', '.join(named[:5])}",
                hint="Something wrote to one of them meanwhile: stop it, and switch again.",
            )
        self._step(Step.DRAINED, f"{found.rows} rows of {len(found.tables)} tables are equal")

    def _copy(self, snapshot: str, window: Deadline) -> int:
        plan, workers = self.plan, max(1, self.plan.options.workers)
        tables = sorted(native.tables(self.old, plan.schemas), key=lambda one: -one.bytes)
        parts = [part for one in tables for part in snapshot_copy.whole(self.old, one, workers)]
        whole = sum(one.bytes for one in tables)
        binary = not (native.text_only(self.old) or native.text_only(self.new))
        work = snapshot_copy.Parts(plan.open, snapshot, binary=binary)

        def look(at: str) -> bool:
            plan.tell(f"copies in the pause: {at} of {bytes_text(whole)}")
            window.check()
            return False

        if parts:
            for _ in work.run(parts, workers, look):
                window.check()
        return work.rows

    def _after_rows(self, window: Deadline) -> None:
        plan, source, target = self.plan, self.plan.dsns[Side.SOURCE], self.plan.dsns[Side.TARGET]

        def said(name: str, detail: str = "") -> None:
            plan.tell(f"builds indexes and keys in the pause: {detail or name}")

        found = schema.copy_schema(source, target, plan.move, Section.POST_DATA, plan.options, window, said)
        found += statistics.carry_statistics(source, target, plan.options, window, said)
        found += schema.refresh_views(self.old, self.new, plan.options, window, said)
        for one in found:
            self.on_step("left", f"{one.what} {', '.join(one.objects)} {'; '.join(one.fix)}".strip())
        if not plan.schemas:
            large_objects.bring(self.old, self.new, plan.move, Side.TARGET, window)

    def _compare(self, snapshot: str, window: Deadline) -> Verified:
        plan = self.plan
        sides = Sides(plan.move, plan.open, plan.forward, Side.SOURCE, snapshot)
        options = VerifyOptions(schemas=plan.schemas, workers=max(1, plan.options.workers),
                                statement_seconds=STATEMENT_SECONDS, large_objects=not plan.schemas)  # fmt: skip
        return verify.verify(
            sides, Mode.EXACT, options, window,
            lambda at: plan.tell(f"compares in the pause: {at.tables_done} of {at.tables} tables"),
            lambda here, there: tuple(
                one.shown for one in schema_compare.compare_schema(here, there, plan.schemas, plan.move)
            ),
        )  # fmt: skip

    def _nothing_made(self, window: Deadline) -> None:
        super()._nothing_made(window)
        if wrote := self.began_at.changed(self.old, self.plan.schemas, window):
            raise Refused(
                f"the source was written to in the pause: {', '.join(wrote[:5])}",
                hint="Stop what writes there, and switch again.",
            )
        self.proven = True

    def _undone(self, error: BaseException, watch: Watch) -> bool:
        sent = False
        try:
            sent = super()._undone(error, watch)
        except SwitchUndone as undone:
            if isinstance(error, DeadlineExceeded):
                undone.hint = f"It needs more than --max-pause {self.plan.limits.max_pause:g}: --rehearse measures it."
            raise
        finally:
            if not (sent or self.proven):  # else clients may have been sent there for a moment
                with suppress(PostaiError):  # the next attempt begins with it
                    empty(self.plan)
        return sent

    def finish(self, *, resumed: bool) -> Outcome:
        if resumed and not fence.kept(self.new, self.plan.move, ARRIVED):
            raise SwitchUnfinished(
                "the clients are sent to the target, where not all is copied",
                hint="Send them back to the source at once; the switch is undone then.",
            )
        return super().finish(resumed=resumed)

    def _shut_again(self) -> None:
        """Nothing: this role cannot shut the source."""

    def _arrive(self) -> None:
        """Nothing: all is there, else it would not be finished."""


@dataclass(frozen=True)
class _Standing:
    """What tells whether a database was written to.

    Attributes:
        horizon: which transactions have ended.
        tables: file and number of changes of each table; None on a standby, which counts none.
        open: transactions that other people's sessions were in.
    """

    horizon: str
    tables: Mapping[str, tuple[int, int]] | None
    open: frozenset[str]

    @classmethod
    def of(cls, db: Database, schemas: tuple[str, ...]) -> _Standing:
        horizon = _horizon(db)
        given = list(schemas)
        rows = None if _standby(db) else db.query(_sql("counters"), (given, given))
        tables = None if rows is None else {name: (file, count) for name, file, count in rows}
        return cls(horizon, tables, frozenset(one for one in _sessions(db) if one is not None))

    def changed(self, db: Database, schemas: tuple[str, ...], window: Deadline) -> tuple[str, ...]:
        """Tables that were written to since, or are; the horizon also moves by what other databases do.

        Raises:
            Refused: there are sessions that could have written, which the server does not tell yet.
        """
        if (now := _horizon(db)) == self.horizon and _ended(now):
            return ()
        if self.tables is None:
            return ("the primary",)
        if writing := _writing(db):
            return writing
        there = _sessions(db)
        if there and db.server_version < PUBLISHED_AT_REST:
            raise _untold(len(there))
        _rest(RESTED_SECONDS if there else COUNTED_SECONDS, window)
        since = _Standing.of(db, schemas)
        now_there = since.tables or {}
        if wrote := tuple(one for one in {**self.tables, **now_there} if self.tables.get(one) != now_there.get(one)):
            return wrote
        if begun := since.open - self.open:
            raise _untold(len(begun))
        return _writing(db)


def _untold(sessions: int) -> Refused:
    return Refused(
        f"{sessions} sessions of other people could have written in the pause: that is not counted before they end",
        hint="End them (pg_stat_activity shows them), keep everything stopped that writes there, and switch again.",
    )


def _rest(seconds: float, window: Deadline) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        window.check()
        time.sleep(min(left, 0.1))


def _sessions(db: Database) -> list[str | None]:
    """Other people's sessions of the database: the transaction that each is in, None = in none."""
    return [one for (one,) in db.query(_sql("sessions"))]


def _horizon(db: Database) -> str:
    ((text,),) = db.query(_sql("horizon"))
    return str(text)


def _ended(horizon: str) -> bool:
    """Whether no transaction that writes was running: `xmin:xmax:running`."""
    return horizon.endswith(":")


def _export(db: Database) -> str:
    """A snapshot that lives as long as that session's transaction."""
    db.query("begin isolation level repeatable read read only; set local statement_timeout = 0; "
             "set local idle_in_transaction_session_timeout = 0")  # fmt: skip
    ((snapshot,),) = db.query(_sql("snapshot"))
    return str(snapshot)


def _writing(db: Database) -> tuple[str, ...]:
    return tuple(name for (name,) in db.query(_sql("writing")))


def _standby(db: Database) -> bool:
    return db.query(_sql("standby")) == [(True,)]


def _hears(db: Database) -> bool:
    rows = db.query(_sql("receiver"))
    return bool(rows and rows[0][0] and rows[0][1])


def _await_replayed(db: Database, window: Deadline) -> None:
    """Wait until a standby has all that its primary had written before now.

    Raises:
        Refused: it has not heard from it in time.
    """
    moment: datetime = writers.now(db)
    end = time.monotonic() + HEARD_SECONDS
    while True:
        rows = db.query(_sql("receiver"))
        if rows and rows[0][0] and rows[0][1] and rows[0][1] > moment and rows[0][2]:
            return
        window.check()
        if time.monotonic() > end:
            raise Refused("the standby has not heard from its primary", hint="Look at the network between them.")
        time.sleep(0.1)


def _sql(name: str) -> str:
    return named_sql.load(__package__, "dump.sql")[name].replace("{users_schema}", USERS_SCHEMA)
