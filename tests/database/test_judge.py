"""Judging through the history on real servers: what is stored, what people see, what they are told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from agent_support import agent_dsn, install_postai, wait_for

from conftest import TestDatabase, drop_database, make_database
from postai.database import Database, Pool, connect
from postai.deadline import Deadline
from postai.errors import PostaiError
from postai.history import store
from postai.history.types import (
    REST_QUERYID,
    BlockWindow,
    DatabaseWindow,
    IndexWindow,
    PartState,
    StatementKey,
    StatementWindow,
    TableWindow,
)
from postai.observe.alerts import Alert, Alerts, DeliveryFailed, LogChannel, Message
from postai.observe.judge import DAY_MS
from postai.service.judge_duty import JudgeDuty
from postai.service.judging import Judge
from postai.service.silent_edges import SilentEdges
from postai.setup.server import LocalServer

MINUTE = timedelta(minutes=1)
QUERY = "SELECT * FROM shop.orders WHERE customer_id = $1"

PEOPLE = """
do $$ begin
  if to_regrole('j_reader') is null then
    create role j_reader login password 'j_reader' in role postai_reader;
    create role j_operator login password 'j_operator' in role postai_operator;
    create role j_app login password 'j_app';
  end if;
end $$;
create schema shop;
create table shop.orders (id int primary key, customer_id int, note text);
create index orders_customer on shop.orders (customer_id);
grant usage on schema shop to j_app;
"""


@dataclass
class Post:
    """A channel that remembers, and fails as often as it is told to."""

    name: str = "webhook"
    failures: int = 0
    permanent: bool = False
    got: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.failures:
            self.failures -= 1
            raise DeliveryFailed("nobody is there", permanent=self.permanent)
        self.got.append(message)

    def told(self) -> list[tuple[str, str]]:
        return [(one.word, one.kind) for one in self.got]


@dataclass
class Shop:
    """A database whose history each test writes, interval by interval."""

    database: TestDatabase
    agent: Database
    channel: Post
    number: int = 0
    begin: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2))

    def __post_init__(self) -> None:
        self.alerts = self.new_alerts()
        self.judge = Judge("shop", self.alerts)
        self.orders = self.value("select 'shop.orders'::regclass::oid::int8")
        self.app = self.value("select 'j_app'::regrole::oid::int8")
        self.dbid = self.value("select oid::int8 from pg_database where datname = current_database()")

    def new_alerts(self) -> Alerts:
        return Alerts("shop", [LogChannel(), self.channel], "LOW", Random(1))

    def value(self, sql: str, user: str | None = None) -> Any:
        return self.database.execute(sql, user)[0][0]

    def key(self, queryid: int) -> StatementKey:
        return StatementKey(queryid, self.app, self.dbid, True)

    def pass_(self, count: int = 1, slower: float = 1.0, blocks: int = 20, judge: bool = True) -> None:
        """Intervals pass, in which the statement is so."""
        for _ in range(count):
            start = self.begin + self.number * MINUTE
            end = start + MINUTE
            wave = 1 + 0.05 * (self.number % 3)
            windows = [
                StatementWindow(
                    self.key(n), QUERY if n == 1 else f"SELECT {n}", start, end, 60,
                    300 * wave * (slower if n == 1 else 1), 2.0, rows=120, blks_hit=60 * (blocks if n == 1 else 20),
                )
                for n in range(1, 5)
            ]  # fmt: skip
            rest = StatementWindow(replace(self.key(REST_QUERYID), userid=0), None, start, end, 10, 5.0)
            table = TableWindow(
                self.orders, "shop", "orders", start, end, idx_scan=60, live_rows=1000, bytes=16384,
                seq_scan=60 if blocks > 100 else 0,
            )  # fmt: skip
            store.write_statements(self.agent, [*windows, rest])
            store.write_tables(self.agent, [table])
            store.write_indexes(
                self.agent, [IndexWindow(9, self.orders, "shop", "orders_customer", start, end, 60, 120)]
            )
            store.write_databases(self.agent, [DatabaseWindow(self.dbid, start, end, xact_commit=1)])
            store.write_states(self.agent, [PartState("statements", last_run=end, until=end)])
            self.number += 1
            if judge:
                self.judged()

    def usual(self) -> None:
        """A day like any other: 25 intervals that nobody judged while they passed."""
        self.pass_(25, judge=False)
        self.judged()

    def judged(self) -> int:
        return self.judge.judge(self.agent, Deadline.after(30))

    def regressions(self, user: str | None = None) -> list[dict[str, Any]]:
        return [row[0] for row in self.database.execute("select to_jsonb(r) from postai.regressions r", user)]


@pytest.fixture(scope="module")
def templates() -> Iterator[dict[int, TestDatabase]]:
    """A database with postai and the shop for each server, to be cloned."""
    made: dict[int, TestDatabase] = {}
    yield made
    for one in made.values():
        drop_database(one)


@contextmanager
def opened(server: LocalServer, templates: dict[int, TestDatabase], place: Path) -> Iterator[Shop]:
    if server.port not in templates:
        template = templates[server.port] = make_database(server)
        install_postai(template, "call")
        template.execute(PEOPLE)
    database = make_database(server, templates[server.port].name)
    with connect(agent_dsn(server, database.name, place)) as agent:
        yield Shop(database, agent, Post())
    drop_database(database)


@pytest.fixture
def shop(server: LocalServer, templates: dict[int, TestDatabase], tmp_path: Path) -> Iterator[Shop]:
    with opened(server, templates, tmp_path) as one:
        yield one


@pytest.fixture
def shop15(pg15: LocalServer, templates: dict[int, TestDatabase], tmp_path: Path) -> Iterator[Shop]:
    with opened(pg15, templates, tmp_path) as one:
        yield one


def test_a_dropped_index_from_the_history_to_the_recovery(shop: Shop) -> None:
    shop.usual()
    assert shop.regressions() == []
    shop.database.execute("drop index shop.orders_customer")
    shop.pass_(2, slower=30, blocks=400)
    (one,) = shop.regressions("j_operator")
    assert (one["cause"], one["state"], one["queryid"], one["user_name"]) == ("plan_changed", "open", 1, "j_app")
    assert one["query"] == QUERY and one["severity"] == "HIGH"
    assert one["mitigation"].startswith(
        "Create it again: CREATE INDEX CONCURRENTLY orders_customer ON shop.orders USING btree (customer_id);"
    )
    assert one["evidence"]["lost_index"]["index"] == "shop.orders_customer"
    assert one["before_ms"] == pytest.approx(5.2, abs=0.3) and one["after_ms"] == pytest.approx(155, abs=12)
    (hidden,) = shop.regressions("j_reader")
    assert hidden["query"] is None and hidden["evidence"] is None and hidden["cause"] == "plan_changed"
    shop.pass_(5, slower=30, blocks=400)
    assert len(shop.regressions()) == 1
    shop.pass_(3)
    (one,) = shop.regressions()
    assert one["state"] == "recovered" and one["ended_at"] is not None
    assert shop.value("select recovered ->> 'mean_ms' is not null from postai.regression")
    while shop.alerts.deliver(shop.agent, Deadline.after(5)):
        pass
    assert shop.channel.told() == [("raised", "regression"), ("recovered", "regression")]
    assert shop.channel.got[0].detail["query"] == QUERY
    assert [row[0] for row in shop.database.execute("select state from postai.alerts", "j_reader")] == ["over"]


def test_an_index_that_was_rebuilt_or_renamed_is_not_lost(shop15: Shop) -> None:
    shop15.pass_(3)
    shop15.database.execute("reindex index concurrently shop.orders_customer")
    shop15.pass_(1)
    shop15.database.execute("alter index shop.orders_customer rename to orders_by_customer")
    shop15.pass_(1)
    here = "select index_name from postai.seen_index where gone_at is null and index_name like 'shop.%' order by 1"
    assert shop15.database.execute(here) == [("shop.orders_by_customer",), ("shop.orders_pkey",)]
    sql = shop15.judge._sql["lost_indexes"].replace("%s", "now() - interval '1 hour'")
    assert shop15.database.execute(sql) == []


def test_a_new_agent_goes_on_and_judges_what_was_missed(shop: Shop) -> None:
    shop.usual()
    shop.pass_(2, slower=30, blocks=400)
    shop.judge = Judge("shop", shop.alerts)
    shop.pass_(3, slower=30, blocks=400)
    assert [one["state"] for one in shop.regressions()] == ["open"]
    shop.pass_(10, judge=False)
    shop.judge = Judge("shop", shop.alerts)
    assert shop.judged() == 10
    assert [one["state"] for one in shop.regressions()] == ["recovered"]
    shop.pass_(2, slower=30, blocks=400, judge=False)
    shop.judge = Judge("shop", shop.alerts)
    assert shop.judged() == 2
    assert [one["state"] for one in shop.regressions()] == ["open", "recovered"]


def test_what_could_not_be_written_is_judged_again(shop15: Shop) -> None:
    shop15.usual()
    with shop15.database.connect(autocommit=False) as holder:
        holder.execute("lock table postai.regression in exclusive mode")
        shop15.pass_(2, slower=30, blocks=400, judge=False)
        shop15.agent.execute("set lock_timeout = 100")
        with pytest.raises(PostaiError) as failure:
            shop15.judged()
        assert failure.value.sqlstate == "55P03"
    assert shop15.regressions() == []
    shop15.judged()
    assert len(shop15.regressions()) == 1


def test_without_a_collection_nothing_happens(shop15: Shop) -> None:
    assert shop15.judged() == 0
    shop15.judge.look(shop15.agent)
    assert shop15.database.execute("select * from postai.slow_queries") == []


def test_slow_queries_and_trends(shop: Shop) -> None:
    for n in range(30):
        shop.pass_(1, slower=20 + n, judge=False)
    look = "select calls_per_day, minutes from postai.slow_queries limit 1"
    assert shop.database.execute(look) == [(43200, 30)], "half an hour counts as an hour"
    for n in range(30, 60):
        shop.pass_(1, slower=20 + n, judge=False)
    assert shop.database.execute(look) == [(86400, 60)]
    columns = "severity, calls_per_day, mean_ms, share, query, user_name"
    rows = shop.database.execute(f"select {columns} from postai.slow_queries", "j_operator")
    assert rows[0][4] == QUERY
    assert sorted(str(row[4]) for row in rows[1:]) == ["SELECT 2", "SELECT 3", "SELECT 4"]  # they take about as long
    assert rows[0][:2] == ("HIGH", 86400) and 200 < rows[0][2] < 300 and rows[0][3] > 0.9  # type: ignore[operator]
    assert rows[0][5] == "j_app"
    assert {row[0] for row in shop.database.execute("select query from postai.slow_queries", "j_reader")} == {None}
    trends = shop.database.execute("select query, mean_ms_per_day, fit from postai.query_trends", "j_operator")
    assert trends[0][0] == QUERY
    assert float(trends[0][1]) == pytest.approx(5 * 1440 * 1.05, rel=0.1)  # type: ignore[arg-type]
    assert trends[0][2] > 0.9  # type: ignore[operator]


def test_how_much_a_load_matters(shop15: Shop) -> None:
    """Of ms a day, share of all load, ms a call."""
    wanted = {
        (DAY_MS / 10, 0.0, 1.0): "HIGH",
        (DAY_MS / 100, 0.2, 1.0): "HIGH",
        (DAY_MS / 200, 0.9, 1.0): "MEDIUM",
        (DAY_MS / 100, 0.0, 1.0): "MEDIUM",
        (1.0, 0.0, 1000.0): "MEDIUM",
        (1.0, 0.0, 100.0): "LOW",
        (1.0, 0.01, 1.0): "LOW",
        (1.0, 0.001, 99.0): None,
    }
    for load, severity in wanted.items():
        assert shop15.value("select postai._load_severity({}, {}, {})".format(*load)) == severity


def alert(key: str = "health:disk", **changes: Any) -> Alert:
    given: dict[str, Any] = {"kind": "health", "severity": "HIGH", "title": "Disk nearly full", "body": "97 % used"}
    return Alert(key, **{**given, **changes})


def test_the_same_is_not_told_again_within_the_quiet_time(shop15: Shop) -> None:
    one, db = shop15.alerts, shop15.agent
    assert one.raise_(db, alert())
    assert not one.raise_(db, alert())
    assert one.end(db, "health:disk")
    assert not one.end(db, "health:disk")
    assert not one.raise_(db, alert())  # it comes and goes
    assert not one.end(db, "health:disk")
    assert not one.end(db, "health:cpu")
    found = shop15.database.execute("select state, repeats from postai.alerts")
    assert found == [("over", 2)]
    shop15.database.execute("update postai.alert set told_at = now() - interval '2 hours', ended_at = null")
    assert one.raise_(db, alert(title="Disk full"))  # a reminder
    assert one.end(db, "health:disk")
    shop15.database.execute("update postai.alert set told_at = now() - interval '2 hours'")
    assert one.raise_(db, alert())  # another episode
    one.deliver(db, Deadline.after(5))
    assert shop15.channel.told() == [("raised", "health"), ("recovered", "health")] * 2 + [("raised", "health")]
    assert not Alerts("shop", [], "HIGH", Random(1)).raise_(db, alert("other", severity="MEDIUM"))


def test_notify_is_immediate_bounded_json_without_texts(shop: Shop) -> None:
    got: list[dict[str, Any]] = []
    with shop.database.connect("j_reader") as listener:
        listener.execute("listen postai_alert")
        long = alert("x" * 3000, title='"\\\x01' * 900, body="é\x02" * 9000, detail={"query": "SELECT 1"})
        shop.alerts.raise_(shop.agent, long)
        for notification in listener.notifies(timeout=10, stop_after=1):
            assert len(notification.payload.encode()) < 8000
            got.append(json.loads(notification.payload))
    assert (got[0]["message"], got[0]["severity"], got[0]["kind"]) == ("raised", "HIGH", "health")
    assert "SELECT" not in json.dumps(got)


def test_what_was_not_sent_waits_and_outlives_the_agent(shop15: Shop) -> None:
    shop15.channel.failures = 2
    shop15.alerts.raise_(shop15.agent, alert())
    assert shop15.alerts.deliver(shop15.agent, Deadline.after(5)) == 1  # the log
    waiting = "select tries, state, error from postai.alert_delivery where channel = 'webhook'"
    assert shop15.database.execute(waiting) == [(1, "waiting", "nobody is there")]
    assert shop15.alerts.deliver(shop15.agent, Deadline.after(5)) == 0  # not before its time
    for _ in range(2):
        shop15.database.execute("update postai.alert_delivery set not_before = now() where state = 'waiting'")
        shop15.new_alerts().deliver(shop15.agent, Deadline.after(5))
    assert shop15.channel.told() == [("raised", "health")]
    assert shop15.database.execute(waiting) == [(3, "sent", None)]
    assert shop15.alerts.deliver(shop15.agent, Deadline.after(5)) == 0


def test_what_never_will_be_sent_is_given_up(shop15: Shop) -> None:
    shop15.channel.failures, shop15.channel.permanent = 1, True
    shop15.alerts.raise_(shop15.agent, alert())
    shop15.alerts.deliver(shop15.agent, Deadline.after(5))
    shop15.alerts.raise_(shop15.agent, alert("other"))
    Alerts("shop", [LogChannel()], "LOW", Random(1)).give_up_orphans(shop15.agent)
    states = "select state, error from postai.alert_delivery where channel = 'webhook' order by id"
    assert shop15.database.execute(states) == [
        ("failed", "nobody is there"), ("failed", "this channel is not configured any more"),
    ]  # fmt: skip


def test_at_most_a_thousand_messages_wait(shop15: Shop) -> None:
    shop15.alerts.raise_(shop15.agent, alert())
    shop15.database.execute(
        "insert into postai.alert_delivery (alert, channel, message) "
        "select 1, 'webhook', 'raised' from generate_series(1, 998)"
    )
    shop15.alerts.raise_(shop15.agent, alert("more"))
    found = shop15.database.execute("select state, count(*) from postai.alert_delivery group by 1 order by 1")
    assert found == [("failed", 2), ("waiting", 1000)]


def test_blocking_and_actions_raise_alerts(shop: Shop) -> None:
    shop.pass_(3)
    end = shop.begin + 3 * MINUTE
    block = BlockWindow(
        end - MINUTE, end, 4711, 1, shop.app, "idle in transaction", 2, "transactionid", None, 6, 2, 45_000, 9
    )
    store.write_blocks(shop.agent, [block])
    for n, state in enumerate(("failed", "done")):
        shop.database.execute(
            "insert into postai.proposal (kind, title, why, fingerprint) values ('index', 'Index on note', 'w', '{}')"
        )
        shop.database.execute(
            "insert into postai.action (proposal, kind, state, finished_at, error) values "
            f"({n + 1}, 'apply', '{state}', clock_timestamp() + interval '1 minute', "
            + ('\'{"message": "no space left", "detail": "secret value", "hint": "Free some."}\')', "null)")[n]
        )
    shop.database.execute("update postai.judge_state set actions_until = now()")
    shop.judge.look(shop.agent)
    shop.judge.look(shop.agent)
    found = shop.database.execute(
        "select kind, severity, state, title, body from postai.alerts order by kind", "j_reader"
    )
    assert [row[:3] for row in found] == [("action", "HIGH", "over"), ("blocking", "HIGH", "open")]
    assert found[0][4] == "no space left Free some."
    assert found[1][3] == "Session 4711 (idle in transaction) holds up 6 others for 45 s"
    shop.pass_(3)
    shop.judge.look(shop.agent)
    assert shop.value("select count(*) from postai.alerts where state = 'open'") == 0


def test_an_edge_that_fell_silent_is_told_until_it_is_heard_of_or_forgotten(shop: Shop) -> None:
    edges = SilentEdges(shop.alerts)
    moments = iter(range(0, 10_000, 30))

    def look() -> bool:
        return edges.look(shop.agent, float(next(moments)))

    def silent(name: str) -> None:
        shop.database.execute(
            f"update postai.edge set reported_at = clock_timestamp() - interval '40 s' where name = '{name}'"
        )

    def told() -> list[tuple[Any, ...]]:
        return shop.database.execute("select title, state, severity from postai.alerts order by at", "j_reader")

    for name in ("edge-1:6432", "edge-2:6432"):
        shop.agent.execute("select postai._edge_report(%s, %s)", (name, '{"region": "eu"}'))
    assert not look() and not look() and told() == []
    silent("edge-1:6432")
    assert not look() and told() == []  # it may be that nobody could report
    assert look()
    title = "Edge edge-1:6432 in region eu has fallen silent"
    assert told() == [(title, "open", "HIGH")]
    assert not look()  # told once
    shop.agent.execute("select postai._edge_report('edge-1:6432', '{}')")
    assert look() and told() == [(title, "over", "HIGH")]
    shop.alerts.deliver(shop.agent, Deadline.after(10))
    assert shop.channel.told() == [("raised", "edge"), ("recovered", "edge")]
    assert "SELECT postai.forget_edge('edge-1:6432')" in shop.channel.got[0].body
    # The database was away for two minutes: what is old now is no news.
    silent("edge-2:6432")
    assert not look()
    for _ in range(4):
        next(moments)
    assert not look() and len(told()) == 1
    assert look() and len(told()) == 2
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shop.database.execute("select postai.forget_edge('edge-2:6432')", "j_reader")
    shop.database.execute("select postai.forget_edge('edge-2:6432')", "j_operator")
    assert not look()  # nobody is told that it is well again
    assert shop.value("select count(*) from postai.alerts where state = 'open'") == 0
    with pytest.raises(psycopg.errors.UndefinedObject, match="there is no edge 'edge-2:6432'"):
        shop.database.execute("select postai.forget_edge('edge-2:6432')", "j_operator")


def test_the_duty_looks_for_silent_edges_without_a_collection(
    shop15: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postai.service.silent_edges.LOOK_SECONDS", 0.05)
    shop15.agent.execute("select postai._edge_report('edge-1', '{}')")
    shop15.database.execute("update postai.edge set reported_at = now() - interval '1 hour'")
    with Pool(agent_dsn(shop15.database.server, shop15.database.name, tmp_path), max_size=3) as pool:
        duty = JudgeDuty("shop", pool, shop15.alerts, look=0.02)
        duty.begin()
        try:
            wait_for(lambda: duty.wake("") or shop15.channel.told() == [("raised", "edge")])
        finally:
            duty.stop(Deadline.after(10))


def test_only_the_agent_writes_and_others_see_views_only(shop15: Shop) -> None:
    for table in ("regression", "alert", "alert_delivery", "seen_index"):
        for user in ("j_operator", "j_reader"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                shop15.database.execute(f"select * from postai.{table}", user)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shop15.database.execute("select postai._end_alert('x', '{}')", "j_operator")


class Slow(Post):
    """A channel that hangs until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def send(self, message: Message) -> None:
        assert self.go.wait(30)
        super().send(message)


def test_the_duty_judges_while_a_channel_hangs(shop15: Shop, tmp_path: Path) -> None:
    channel = Slow()
    alerts = Alerts("shop", [channel], "LOW", Random(1))
    shop15.usual()
    with Pool(agent_dsn(shop15.database.server, shop15.database.name, tmp_path), max_size=3) as pool:
        duty = JudgeDuty("shop", pool, alerts, look=0.02)
        duty.begin()
        alerts.raise_(shop15.agent, alert("action:1", kind="action"))
        duty.wake("")
        try:
            shop15.pass_(2, slower=30, blocks=400, judge=False)
            wait_for(lambda: duty.wake("") or shop15.regressions())
            assert channel.got == []
            channel.go.set()
            wait_for(lambda: duty.wake("") or len(channel.got) == 2)
        finally:
            channel.go.set()
            began = time.monotonic()
            duty.stop(Deadline.after(10))
            assert time.monotonic() - began < 10


def test_the_duty_survives_the_end_of_its_sessions(shop15: Shop, tmp_path: Path) -> None:
    shop15.usual()
    database = shop15.database
    with Pool(agent_dsn(database.server, database.name, tmp_path), max_size=3) as pool:
        duty = JudgeDuty("shop", pool, shop15.alerts, look=0.02)
        duty.begin()
        try:
            wait_for(
                lambda: shop15.value("select count(*) from pg_stat_activity where datname = current_database()") > 2
            )
            database.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
                f"and pid <> all (array[pg_backend_pid(), {shop15.agent.backend_pid}])"
            )
            shop15.pass_(2, slower=30, blocks=400, judge=False)
            wait_for(lambda: duty.wake("") or shop15.regressions())
        finally:
            duty.stop(Deadline.after(10))
