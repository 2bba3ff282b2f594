"""The collection: reads the server's counters once per interval, looks at its activity in between, keeps differences.

A collector holds the last readings in memory. Its first turn only reads; so does the first one after the server was
restarted, as nobody knows then whether the counters went on, and the first one on another server (failover), which
was started at another time. So no difference is ever invented; at most one interval is lost. Needs no right but
pg_monitor, and runs without pg_stat_statements: what is missing is told in `postai.collect_state`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from postai.database import ConnectionFailed, ConnectionLost, Database
from postai.database.identifiers import quote_ident
from postai.database.named_sql import load
from postai.deadline import Cancelled
from postai.errors import FeatureMissing, PostaiError
from postai.history import store
from postai.history.types import PartState, Predicate, StatementWindow
from postai.observe.collect_activity import Activity, ActivityLimits
from postai.observe.collect_counters import Ground, ground_of
from postai.observe.collect_plans import LoggedPlans, PlanLimits
from postai.observe.collect_relations import Relations
from postai.observe.collect_server import Databases, Server
from postai.observe.collect_statements import StatementReading, Statements
from postai.observe.collect_storage import Storage
from postai.observe.collect_texts import TextLimits, Texts


@dataclass(frozen=True)
class CollectLimits:
    """Bounds of the collection.

    Attributes:
        top: statements of an interval with a row of their own; the others are summed up.
        relations: tables, and indexes, of an interval with a row; the others follow later.
        sizes: tables and indexes of an interval whose size is read.
        rest: a part that took a second rests so many seconds at least, whatever the interval is.
        texts, plans, activity: of their parts.
    """

    top: int = 500
    relations: int = 2000
    sizes: int = 500
    rest: float = 20.0
    texts: TextLimits = field(default_factory=TextLimits)
    plans: PlanLimits = field(default_factory=PlanLimits)
    activity: ActivityLimits = field(default_factory=ActivityLimits)


class Collector:
    """Collects one database's history.

    Args:
        limits: bounds.
        clock: seconds that never go back.
    """

    def __init__(self, limits: CollectLimits | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits or CollectLimits()
        self._clock = clock
        self._sql = load(__package__, "collect.sql")
        self._not_before: dict[str, float] = {}
        self._states: list[PartState] = []
        self._ground: Ground | None = None
        self._look_seconds = 0.0
        self._look_error: str | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Forget every reading."""
        sql, limits = self._sql, self._limits
        self._statements = Statements(sql, limits.top)
        self._relations = Relations(sql, limits.relations, limits.sizes)
        self._databases = Databases(sql)
        self._server = Server(sql)
        self._storage = Storage(sql)
        self._activity = Activity(sql, limits.activity)
        self._texts = Texts(sql, limits.texts)
        self._logged = LoggedPlans(limits.plans)
        self._not_before.clear()

    def look(self, db: Database, *, values: bool) -> None:
        """One cheap look at the running backends; nothing before the first turn.

        Args:
            values: whether texts of running statements, with the values in them, may be kept.
        """
        if self._ground is None:
            return
        began = self._clock()
        try:
            self._activity.look(db, self._ground, texts=values)
            self._look_error = None
        except PostaiError as error:
            if not _survivable(error):
                raise
            self._look_error = error.message
        self._look_seconds += self._clock() - began

    def collect(self, db: Database, *, values: bool, plans: bool = False) -> tuple[PartState, ...]:
        """One turn: what happened since the last one goes into the history.

        Args:
            values: as for `look`; when False, the texts with values that are kept are deleted.
            plans: whether plans are read from the server's log.

        Returns:
            how each part went; the same is in the history.

        Raises:
            ConnectionLost, ConnectionFailed: the server is gone. What else fails is told in the states.
        """
        self._states = []
        row = db.query(self._sql["ground"])[0]
        ground = ground_of(row)
        last = self._ground
        if last is not None and (ground.started != last.started or ground.at <= last.at):  # or its clock was put back
            self._begin_anew()
        self._ground = ground
        reading = self._part("statements", lambda: self._collect_statements(db, ground))
        self._part("tables", lambda: self._collect_relations(db, ground))
        self._part("database", lambda: self._collect_database(db, ground))
        if self._storage.due(ground):
            self._part("storage", lambda: self._collect_storage(db, ground))
        self._collect_activity(db, ground, reading, values)
        if "pg_qualstats" in ground.sources:
            self._part("predicates", lambda: self._collect_predicates(db, ground))
        if plans:
            self._part("log", lambda: self._collect_log(db, ground, values))
        else:
            store.forget_log_position(db)
        store.write_states(db, self._states)
        return tuple(self._states)

    def _part(self, part: str, collect: Callable[[], tuple[StatementReading | None, int]]) -> StatementReading | None:
        """Run one part of a turn unless it rests, and note how it went."""
        assert self._ground is not None
        at = self._ground.at
        began = self._clock()
        if began < self._not_before.get(part, began):
            return None
        reading, rows = None, 0
        state = PartState(part, last_run=at)
        try:
            reading, rows = collect()
            state = _with_blindness(replace(state, until=at), self._ground)
        except FeatureMissing as error:
            state = replace(state, missing=error.message, hint=error.hint)
        except PostaiError as error:
            if not _survivable(error):
                raise
            state = replace(state, error=error.message, hint=error.hint)
        took = self._clock() - began
        self._not_before[part] = began + (1 + self._limits.rest) * took
        self._states.append(replace(state, cost_ms=took * 1000, rows=rows))
        return reading

    def _collect_statements(self, db: Database, ground: Ground) -> tuple[StatementReading | None, int]:
        reading = self._statements.read(db, ground)
        if reading is None:
            return None, 0
        self._texts.learn(db, ground, self._statements, reading)
        windows = self._planned(db, ground, reading)
        store.write_statements(db, [*windows, *reading.sums])
        return reading, len(windows) + len(reading.sums)

    def _planned(self, db: Database, ground: Ground, reading: StatementReading) -> list[StatementWindow]:
        def look() -> tuple[None, int]:
            return None, self._texts.plan(db, ground, reading.windows)

        self._part("plans", look)
        return self._texts.with_plans(reading.windows)

    def _collect_relations(self, db: Database, ground: Ground) -> tuple[None, int]:
        tables, indexes = self._relations.read(db, ground)
        store.write_tables(db, tables)
        store.write_indexes(db, indexes)
        return None, len(tables) + len(indexes)

    def _collect_database(self, db: Database, ground: Ground) -> tuple[None, int]:
        databases = self._databases.read(db, ground)
        server = self._server.read(db, ground)
        store.write_databases(db, databases)
        store.write_server(db, server)
        return None, len(databases) + len(server)

    def _collect_storage(self, db: Database, ground: Ground) -> tuple[None, int]:
        store.write_storage(db, self._storage.read(db, ground))
        return None, 1

    def _collect_activity(self, db: Database, ground: Ground, reading: StatementReading | None, values: bool) -> None:
        queryids = reading.queryids if reading is not None else frozenset[int]()

        def write() -> tuple[None, int]:
            seen = self._activity.read(db, ground, queryids)
            store.write_waits(db, seen.waits)
            store.write_blocks(db, seen.blocks)
            if values:
                texts = self._texts.samples(db, ground.dbid, seen.texts)
                store.write_values(db, ((key, "activity", text) for key, text in texts))
                self._write_qualstats(db, ground, reading)
            else:
                store.forget_values(db)
            return None, len(seen.waits) + len(seen.blocks)

        self._not_before.pop("activity", None)  # what was looked at is written always
        self._part("activity", write)
        last = self._states[-1]
        looks_ms, self._look_seconds = self._look_seconds * 1000, 0.0
        self._states[-1] = replace(last, cost_ms=(last.cost_ms or 0.0) + looks_ms, error=last.error or self._look_error)

    def _collect_predicates(self, db: Database, ground: Ground) -> tuple[None, int]:
        """Conditions on columns that pg_qualstats counted, without their values."""
        schema = quote_ident(ground.sources["pg_qualstats"].schema)
        rows = db.query(self._sql["predicates"].replace("/* schema */", schema), (ground.dbid,))
        store.write_predicates(db, ground.at, [Predicate(*row) for row in rows])
        return None, len(rows)

    def _collect_log(self, db: Database, ground: Ground, values: bool) -> tuple[None, int]:
        seen = self._logged.read(db, ground)
        store.write_logged_plans(db, seen.plans)
        if values:
            store.write_values(db, ((key, "auto_explain", text) for key, text in seen.texts))
        if seen.note is not None:
            raise FeatureMissing(seen.note, hint=seen.hint)
        return None, len(seen.plans)

    def _write_qualstats(self, db: Database, ground: Ground, reading: StatementReading | None) -> None:
        """Texts with values that pg_qualstats kept of the statements that ran."""
        source = ground.sources.get("pg_qualstats")
        if source is None or reading is None:
            return
        users = {one.key.queryid: one.key.userid for one in reading.windows if one.key.toplevel}
        statement = self._sql["qualstats"].replace("/* schema */", quote_ident(source.schema))
        found = [(queryid, users[queryid], text) for queryid, text in db.query(statement) if queryid in users]
        texts = self._texts.samples(db, ground.dbid, found[: self._limits.activity.texts])
        store.write_values(db, ((key, "pg_qualstats", text) for key, text in texts))


def _survivable(error: PostaiError) -> bool:
    return not isinstance(error, ConnectionLost | ConnectionFailed | Cancelled)


def _with_blindness(state: PartState, ground: Ground) -> PartState:
    """The state with what cannot be seen for want of pg_monitor."""
    if ground.sees_all or state.part not in ("statements", "activity"):
        return state
    return replace(
        state,
        missing="the agent sees its own statements only, not those of other users",
        hint=f"GRANT pg_monitor TO {quote_ident(ground.role)};",
    )
