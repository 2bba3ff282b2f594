"""What the driver of a move does in each state; a function returns the next state, or None when it stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from types import MappingProxyType

from postai.database.errors import ConnectionLost
from postai.database.protocol import Database
from postai.deadline import Cancelled, Deadline, DeadlineExceeded
from postai.errors import ErrorParts, PostaiError, Refused, UsageError
from postai.replicate import (
    cleanup,
    ddl,
    fence,
    late_keys,
    native,
    preflight,
    probe,
    roles,
    schema,
    slots,
    statistics,
    store,
    throttle,
)
from postai.replicate.comparing import compare, require_equal
from postai.replicate.now import LONGEST_SECONDS, LOOK_SECONDS, InDanger, Now
from postai.replicate.redirect import RedirectFailed
from postai.replicate.schema import Section
from postai.replicate.stream import NativeStream
from postai.replicate.trouble import look_for_trouble, protect, stand_still
from postai.replicate.types import (
    Carrier,
    Finding,
    Identity,
    Level,
    Method,
    Side,
    State,
    Table,
    object_name,
    placed,
)
from postai.replicate.verified import Mode

# How long a row may take to the target before the move counts as caught up.
CAUGHT_UP_SECONDS = 1.0
# Log that a stream which waits may keep before it is brought up to now.
FRESH_BYTES = 64 * 2**20
# How long the log of the source is watched before it begins.
LOG_SECONDS = 0.5
# In a move's report where it was tried before there were others to make.
_TRIED = Finding("schema_tried", Level.NOTE, Side.TARGET, "the schema was tried in a database of its own on the target")


@contextmanager
def _early_trial(now: Now) -> Iterator[Future[tuple[Finding, ...]] | None]:
    """The schema is tried on the target while it is checked, unless roles must be made there first."""
    if roles.lacking(now.source, now.target):
        yield None
        return
    deadline = Deadline.after(LONGEST_SECONDS)
    with ThreadPoolExecutor(1, "postai-trial") as pool:
        try:
            yield pool.submit(
                schema.trial, now.move.dsns[Side.SOURCE], now.move.dsns[Side.TARGET], now.move.row.options, deadline
            )
        except BaseException:
            deadline.cancel.set()
            raise


def _analyse(now: Now) -> State:
    row = now.move.row
    now.doing("checks both sides")
    connection = native.conninfo(now.move.dsns[Side.SOURCE], object_name(row.id, "fwd"), row.options.passfile)
    with _early_trial(now) as tried:
        found = probe.probe(now.source, now.target, connection)
        report = preflight.check(now.source, now.target, row.options, found, measure_seconds=LOG_SECONDS)
    if tried is not None and not report.blocked:  # else it would fail for the same reasons
        report = replace(report, findings=(*report.findings, *tried.result(), _TRIED))
        now.on_step("trial")
    store.set_report(now.home, row.id, report)
    return State.ANALYSED


def _preflight(now: Now) -> State:
    report = now.move.row.report or {}
    blockers = [one for one in report.get("findings", ()) if one["level"] == "blocker"]
    if blockers:
        raise Refused(
            f"the move cannot begin: {blockers[0]['what']}",
            detail="; ".join(one["what"] for one in blockers[1:]) or None,
            hint="\n".join(placed(fix, one["side"]) for one in blockers for fix in one["fix"]) or None,
        )
    return State.PREFLIGHT_OK


def _copy_schema(now: Now) -> State:
    move, row = now.move, now.move.row
    dumped = row.method is Method.DUMP  # nothing can be made on the source, and keys are made after the rows
    if dumped:
        fence.claim_target(now.target, row.id)
    else:
        fence.claim(now.source, now.target, row.id)
    now.doing("copies roles")
    now.tell(roles.copy_roles(now.source, now.target, row.options, now.on_step), "roles")
    deadline = Deadline.after(LONGEST_SECONDS)
    sections = (Section.PRE_DATA,) if dumped else (Section.PRE_DATA, Section.KEYS)
    with ThreadPoolExecutor(len(sections), "postai-dump") as pool:
        version = now.source.server_version
        texts = {one: pool.submit(schema.dumped, move.dsns[Side.SOURCE], version, row.options, one, deadline)
                 for one in sections}  # fmt: skip
        findings = (row.report or {}).get("findings", ())
        tried = any(one["check"] == _TRIED.check for one in findings)
        for one in sections:
            now.doing(f"copies the schema: {one}")
            text = texts[one].result()
            now.tell(schema.copy_schema(move.dsns[Side.SOURCE], move.dsns[Side.TARGET], row.id, one, row.options,
                                        deadline, now.on_step, later=_later(now), tried=tried, text=text),
                     "schema")  # fmt: skip
    _give_identity(now)
    if not dumped:
        ddl.install(now.source, row.id)
    return State.SCHEMA_COPIED


def _later(now: Now) -> tuple[Table, ...]:
    """Tables whose primary keys are made after their rows; before 14 a copy begins anew where one is missing."""
    row = now.move.row
    if row.method is not Method.NATIVE or now.target.server_version < 140_000:
        return ()
    return tuple(
        one for one in native.tables(now.source, row.options.schemas)
        if one.identity is Identity.PRIMARY and one.bytes > late_keys.LATE_BYTES
    )  # fmt: skip


def _give_identity(now: Now) -> None:
    """REPLICA IDENTITY FULL for tables without a key, if that is wanted; each side remembers what its tables had."""
    if not now.move.row.options.full_identity or now.move.row.method is not Method.NATIVE:
        return
    tables = native.tables(now.source, now.move.row.options.schemas)
    # On the target a primary key may only be still to come.
    theirs = {one.qualified for one in tables if one.identity in (Identity.NONE, Identity.FULL)}
    ours = [one for one in native.tables(now.target, now.move.row.options.schemas) if one.qualified in theirs]
    native.give_identity(now.target, now.move.id, ours)
    native.give_identity(now.source, now.move.id, tables)


def _begin_copy(now: Now) -> State:
    row, stream = now.move.row, now.forward
    if row.method is Method.DUMP:
        what = "nothing is followed: the rows are copied, and compared, in the pause of the cutover"
        store.add_event(now.home, row.id, what, step="copying")
        store.set_tables(now.home, row.id, stream.progress(now.source, now.target))
        return State.READY
    if row.restarts:
        now.doing("empties the target to copy anew")
        stream.stop(now.source, now.target)
        now.on_step("slot_dropped")
        cleanup.empty(now.source, now.target, row.id, row.options.schemas)
    now.doing("begins to copy")
    stream.copy(now.source, now.target, hold=_held(now))
    store.set_tables(now.home, row.id, stream.progress(now.source, now.target))
    return State.COPYING


def _held(now: Now) -> bool:
    """Whether copying gives way to the source's own work now; that stands in the row then."""
    why = throttle.held_up(now.source, now.move.row.options)
    if why is not None:
        hint = "It goes on by itself; the options load and replica_lag of the move say what is too much."
        now.found.append(ErrorParts("PA010", "copying waits for the source", why, hint))
    return why is not None


def _copy(now: Now) -> State | None:
    if (again := protect(now)) is not None:
        return again
    _take_up(now)
    try:
        _make_keys(now)
        waiting = late_keys.waiting(now.target, now.move.id)
        if waiting and not native.taken_up(now.target, now.forward.name).isdisjoint(waiting):
            return None  # they would come too late beside what takes long
        _copy_large(now)
    except InDanger:
        return protect(now)
    return None if now.forward.unfinished(now.source, now.target) else _after_rows(now)


def _make_keys(now: Now) -> None:
    """The keys of large tables whose rows come or are there; new tables are taken up meanwhile.

    Raises:
        InDanger: the source's log cannot be kept so long.
    """
    on_step, last = now.watching("copies"), time.monotonic()

    def look(detail: str) -> None:
        nonlocal last
        on_step("copies", detail)
        if time.monotonic() - last > LOOK_SECONDS:
            last = time.monotonic()
            _take_up(now)

    late_keys.build(lambda: now.move.open(Side.TARGET), now.target, now.move.id, now.forward.name,
                    now.move.row.options.workers, look)  # fmt: skip


def _copy_large(now: Now) -> None:
    """The tables that the servers do not copy, in parts; progress and the source's load are looked at meanwhile.

    Raises:
        InDanger: the source's log cannot be kept so long.
    """
    stream, row = now.forward, now.move.row
    if not isinstance(stream, NativeStream) or now.found:  # it waits
        return
    on_step, last = now.watching("copies in parts"), time.monotonic()
    held = False

    def look(detail: str) -> bool:
        nonlocal last, held
        on_step("copies", detail)
        if time.monotonic() - last > LOOK_SECONDS:
            last = time.monotonic()
            store.set_tables(now.home, row.id, stream.progress(now.source, now.target))
            held = throttle.held_up(now.source, row.options) is not None
        return held

    stream.copy_large(now.source, now.target, now.move.open, row.options.workers, look)


def _take_up(now: Now) -> None:
    """Take up what is new on the source: definitions first, then the rows of new tables.

    Raises:
        Refused: the definitions of the source changed in a way that only a person can follow.
    """
    row = now.move.row
    taken = ddl.tick(now.move.dsns[Side.SOURCE], now.source, now.target, row.id, row.options,
                     Deadline.after(LONGEST_SECONDS), now.on_step)  # fmt: skip
    if taken is not None:
        _tell_taken(now, taken)
        _give_identity(now)
    if isinstance(now.forward, NativeStream):
        for table in now.forward.rescue(now.source, now.target):
            what = f"{table} is copied anew: the server was disturbed at the end of its copy"
            store.set_verified(now.home, row.id, None)
            store.add_event(now.home, row.id, what, step="restarted", level="warning")
    waiting = now.move.row.state is State.COPYING
    now.forward.copy(now.source, now.target, hold=waiting and _held(now))
    store.set_tables(now.home, row.id, now.forward.progress(now.source, now.target))


def _tell_taken(now: Now, taken: ddl.Taken) -> None:
    row = now.move.row
    _tell_applied(now, taken, Side.SOURCE)
    if taken.blocking:
        if row.verified is not None:  # what was written meanwhile may stand elsewhere, or be told by other values
            store.set_verified(now.home, row.id, None)
            store.add_event(now.home, row.id, "rows may differ until that is mended; verify again", step="ddl",
                            level="warning")  # fmt: skip
        raise Refused(
            f"the source's schema changed: {taken.blocking[0].what}",
            detail="; ".join(one.what for one in taken.blocking[:10]),
            hint="; ".join(fix for one in taken.blocking for fix in one.fix) + "; then: post-ai replicate start "
            f"{row.name} {row.source} {row.target}",
        )


def _tell_applied(now: Now, taken: ddl.Taken, publisher: Side) -> None:
    row = now.move.row
    if taken.applied:
        some = "; ".join(one.partition("\n")[0][:100] for one in taken.applied[:5])
        store.add_event(now.home, row.id, f"taken over from the {publisher}: {some}", step="ddl",
                        data={"statements": len(taken.applied), "commands": taken.commands})  # fmt: skip
    if taken.unequal and row.verified is not None:
        store.set_verified(now.home, row.id, None)
        what = f"older rows may differ in a new or changed column: {', '.join(taken.unequal[:5])}; verify again"
        store.add_event(now.home, row.id, what, step="ddl", level="warning")


def _after_rows(now: Now) -> State | None:
    """Indexes, foreign keys, triggers and the rest; materialised views; meanwhile changes are applied."""
    move, deadline = now.move, Deadline.after(LONGEST_SECONDS)
    now.doing("builds indexes and keys")
    try:
        now.tell(schema.copy_schema(move.dsns[Side.SOURCE], move.dsns[Side.TARGET], move.id, Section.POST_DATA,
                                    move.row.options, deadline, now.watching("builds indexes and keys")),
                 "schema")  # fmt: skip
        now.doing("carries statistics over")
        now.tell(statistics.carry_statistics(move.dsns[Side.SOURCE], move.dsns[Side.TARGET], move.row.options, deadline,
                                             now.on_step), "statistics")  # fmt: skip
        now.doing("fills materialized views")
        now.tell(schema.refresh_views(now.source, now.target, move.row.options, deadline, now.on_step), "schema")
    except InDanger:
        return protect(now)
    return State.CATCHING_UP


def _catch_up(now: Now) -> State | None:
    if (again := protect(now)) is not None:
        return again
    stream = now.forward
    if stream.unfinished(now.source, now.target):
        return State.COPYING
    try:
        fence.cross(now.source, now.target, now.move.id, Deadline.after(CAUGHT_UP_SECONDS),
                    lambda: stream.pump(now.source, now.target))  # fmt: skip
    except DeadlineExceeded:
        return None
    if now.move.row.way_back:
        now.doing("prepares the way back")
        now.move.stream(Side.TARGET).prepare(now.target, now.source)
    return State.VERIFYING


def _verify(now: Now) -> State | None:
    if (again := protect(now)) is not None:
        return again
    now.doing("compares both sides")
    try:
        found = compare(now, Mode.EXACT, Deadline.after(LONGEST_SECONDS))
    except InDanger:
        return protect(now)
    require_equal(found, now.move.row.name)
    return State.READY


def _follow(now: Now) -> State | None:
    """The source serves, the target follows: take up new tables, keep the way back at hand, watch the source's disk."""
    if (again := protect(now)) is not None:
        return again
    _take_up(now)
    _look_where(now)
    if now.move.row.way_back:
        _keep_fresh(now.move.stream(Side.TARGET), now.target, now.source, now)
    else:
        _give_way_back_up(now)
    return None


def _serve(now: Now) -> State | None:
    """The target serves, the source follows: watch the target's disk, keep the stream of a switch back and forth."""
    _look_where(now)
    if not now.move.row.way_back:
        _give_way_back_up(now)
        return None
    stream = now.move.stream(Side.TARGET)
    stream.pump(now.target, now.source)
    lag = stream.lag(now.target, now.source)
    store.set_lag(now.home, now.move.id, lag)
    if danger := slots.danger(lag, now.move.row.options.keep_wal_bytes):
        stream.stop(now.target, now.source)
        raise Refused(
            f"the way back was given up: {danger}",
            detail="What is written from now on stays on the target alone.",
            hint=f"Complete the move: post-ai replicate complete {now.move.row.name}",
        )
    if stream.flows(now.source):
        _take_back(now)
        look_for_trouble(now, stream, lag, Side.SOURCE)
    else:  # it would begin anew with a copy, onto the rows that are there
        now.found.append(ErrorParts(
            "PA010", "there is no way back: the source does not follow the target",
            "What was written since it was given up is on the target alone.",
            f"Complete the move: post-ai replicate complete {now.move.row.name}",
        ))  # fmt: skip
    _keep_fresh(now.forward, now.source, now.target)
    return None


def _look_where(now: Now) -> None:
    """Clients that are sent to the side that does not serve: a hook was late, or a person did so."""
    row = now.move.row
    if row.name not in now.move.redirects:
        return
    try:
        with closing(now.move.driver()) as driver:
            astray = driver.quick and driver.where() is row.serving.other
    except (RedirectFailed, UsageError, DeadlineExceeded):
        return  # it is not known; the gates say why
    if astray:
        now.found.insert(0, ErrorParts(
            "PA010", f"the clients are sent to the {row.serving.other}, but the {row.serving} serves",
            f"What they write there is refused, or lost when the {row.serving} is followed.",
            f"Send them to the {row.serving} at once.",
        ))  # fmt: skip


def _give_way_back_up(now: Now) -> None:
    """It was prepared before somebody said that there is to be none: nothing is kept for it."""
    stream = now.move.stream(Side.TARGET)
    if stream.ready(now.target):
        stream.stop(now.target, now.source)


def _take_back(now: Now) -> None:
    """What the application changes in the target's definitions is made on the source, so that a way back is left.

    What only a person can bring over does not stop the move: the target goes on serving, and it stands in the row.
    """
    move, row = now.move, now.move.row
    try:
        taken = ddl.tick(move.dsns[Side.TARGET], now.target, now.source, row.id, row.options,
                         Deadline.after(LONGEST_SECONDS), now.on_step, side=Side.SOURCE)  # fmt: skip
        if taken is not None:
            _tell_applied(now, taken, Side.TARGET)
            if taken.blocking:
                why = ErrorParts(
                    "PA010", f"the way back may stop: {taken.blocking[0].what}",
                    "; ".join(one.what for one in taken.blocking[:10]),
                    f"On the source: {'; '.join(fix for one in taken.blocking for fix in one.fix)}",
                )  # fmt: skip
                now.found.append(why)
            _give_identity(now)
        move.stream(Side.TARGET).copy(now.target, now.source)
    except (Cancelled, ConnectionLost):
        raise
    except PostaiError as error:
        now.found.append(error.as_parts())


def _keep_fresh(waiting: Carrier, publisher: Database, subscriber: Database, now: Now | None = None) -> None:
    """A prepared stream is brought up to now before it keeps much of the publisher's log.

    Args:
        now: of a move whose publisher should be written to by the move alone; what others wrote is told then.
    """
    kept = waiting.lag(publisher, subscriber).kept_bytes
    if waiting.ready(publisher) and (kept or 0) <= FRESH_BYTES:
        return
    if now is not None and now.move.row.verified is not None and waiting.written(publisher, subscriber):
        store.set_verified(now.home, now.move.id, None)
        store.add_event(now.home, now.move.id, "others wrote to the target's tables; verify again",
                        step="written", level="warning")  # fmt: skip
    waiting.prepare(publisher, subscriber)


WORK: Mapping[State, Callable[[Now], State | None]] = MappingProxyType(
    {
        State.CREATED: _analyse,
        State.ANALYSED: _preflight,
        State.PREFLIGHT_OK: _copy_schema,
        State.SCHEMA_COPIED: _begin_copy,
        State.COPYING: _copy,
        State.CATCHING_UP: _catch_up,
        State.VERIFYING: _verify,
        State.READY: _follow,
        State.ROLLED_BACK: _follow,
        State.SERVING_TARGET: _serve,
        State.FAILED: stand_still,
    }
)
