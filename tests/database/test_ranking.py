"""The ranking of a stretch of time is what its intervals say, whatever of it was summed up, rolled up or changed."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from agent_support import AGENT, install_postai, wait_for
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from conftest import TestDatabase, drop_database, make_database
from postai.database import Database, connect
from postai.deadline import Deadline
from postai.history import store
from postai.history.prune import prune
from postai.history.types import Statement, StatementKey, StatementWindow, rest_key
from postai.observe.ranking import PARTS, Filter, Ranked, rank

BEGIN = datetime(2026, 3, 4, tzinfo=UTC)
MINUTES = 60 * 60
END = BEGIN + timedelta(minutes=MINUTES + 60)
KEYS = (
    StatementKey(1, 10, 5, True),
    StatementKey(2, 10, 5, True),
    StatementKey(2, 77, 5, True),  # another user's
    StatementKey(3, 10, 5, True),  # the agent's own
    StatementKey(1, 10, 5, False),  # inside others
    rest_key(5),
)
KEPT = "select at, hours, statement_id, calls, total_ms, rows, blks_hit from postai.statement_sum"
WANTED = """
    select p.at, p.hours, x.statement_id, sum(x.calls), sum(x.total_ms), sum(x.rows), sum(x.blks_hit)
      from (select distinct at, hours from postai.statement_sum) as p
      join postai.sample_statement as x on x.at > p.at - make_interval(hours => p.hours) and x.at <= p.at
     group by 1, 2, 3"""
ZONES = ("UTC", "Asia/Kolkata", "America/St_Johns")


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def home(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    one = make_database(request.getfixturevalue(request.param))
    install_postai(one, "call")
    yield one
    drop_database(one)


@pytest.fixture
def db(home: TestDatabase) -> Iterator[Database]:
    with connect(home.dsn(AGENT)) as session:
        yield session


def moment(minute: float) -> datetime:
    return BEGIN + timedelta(minutes=minute)


def window(minute: float, key: StatementKey = KEYS[0], calls: int = 3, ms: float = 6.0) -> StatementWindow:
    end = moment(minute)
    return StatementWindow(
        key, "select $1", end - timedelta(minutes=1), end, calls, ms, stddev_ms=1.5, rows=calls, blks_hit=7,
        blks_read=1, temp_blks_written=2 if calls % 2 else 0, wal_bytes=calls * 10,
    )  # fmt: skip


def empty(home: TestDatabase, db: Database) -> None:
    home.execute("truncate postai.sample_statement; delete from postai.collect_state")
    assert db.query("select count(*) from postai.statement_sum") == [(0,)]
    store.write_texts(db, [Statement(one, "select $1", own=one.queryid == 3) for one in KEYS if one.queryid])


def tidy(db: Database, raw: timedelta = timedelta(days=30), until: datetime = END) -> tuple[int, int]:
    """Hours that were rolled up, and hours that were summed up."""
    done = prune(db, until, raw=raw, most_bytes=1 << 40, deadline=Deadline.after(60))
    assert done.finished
    return done.hours, done.summed


@dataclass
class Sums:
    calls: int = 0
    total_ms: float = 0.0
    inner_ms: float = 0.0
    squares: float = 0.0
    others: list[int] = field(default_factory=lambda: [0] * 5)
    trend: list[float] = field(default_factory=lambda: [0.0] * PARTS)


def raw(db: Database, since: datetime, until: datetime, user: int | None = None) -> dict[int, Sums]:
    """The same, interval by interval."""
    found: dict[int, Sums] = defaultdict(Sums)
    for at, queryid, userid, toplevel, calls, ms, stddev, *others in db.query(
        "select at, queryid, userid::int8, toplevel, calls, total_ms, stddev_ms::float8, rows, blks_hit, blks_read,"
        " temp_blks_written, wal_bytes from postai.statement_history where at > %s and at <= %s", (since, until)
    ):  # fmt: skip
        if user is not None and userid != user:
            continue
        one = found[queryid]
        one.calls += calls
        one.total_ms += ms
        one.inner_ms += 0 if toplevel else ms
        one.squares += calls * (stddev or 0.0) ** 2 + ms**2 / max(calls, 1)
        one.others = [so_far + (more or 0) for so_far, more in zip(one.others, others, strict=True)]
        part = math.ceil((at - since).total_seconds() / ((until - since).total_seconds() / PARTS))
        one.trend[min(max(part, 1), PARTS) - 1] += ms
    return found


def check(db: Database, since: datetime, until: datetime, user: str = "") -> None:
    ranking = rank(db, since=since.isoformat(), until=until.isoformat(), filter=Filter(user=user))
    wanted = raw(db, since, until, 10 if user else None)
    whole = raw(db, since, until).values()
    assert ranking.total_ms == pytest.approx(sum(one.total_ms - one.inner_ms for one in whole))
    assert {one.queryid for one in ranking.statements} == wanted.keys() - {0}
    for shown in ranking.statements:
        one = wanted[shown.queryid]
        assert (shown.calls, shown.total_ms) == (one.calls, pytest.approx(one.total_ms))
        assert shown.inner_ms == pytest.approx(one.inner_ms)
        assert shown.stddev_ms == pytest.approx(spread(one), abs=1e-3)
        assert others(shown) == one.others
        assert shown.trend == pytest.approx(one.trend)


def spread(one: Sums) -> float:
    return math.sqrt(max(one.squares / one.calls - (one.total_ms / one.calls) ** 2, 0))


def others(shown: Ranked) -> list[int]:
    found = (shown.rows, shown.blks_hit, shown.blks_read, shown.temp_blks, shown.wal_bytes)
    return [one or 0 for one in found]


def calls(db: Database, first: float, last: float) -> int:
    """Calls in a range, in minutes from BEGIN."""
    return rank(db, since=moment(first).isoformat(), until=moment(last).isoformat()).statements[0].calls


def check_sums(db: Database) -> None:
    """A period is summed up whole or not at all."""
    assert db.query(KEPT + " except " + WANTED) == [] == db.query(WANTED + " except " + KEPT)


# Minutes from BEGIN; whole hours, where intervals and ranges often end, among them.
AT = st.one_of(st.integers(0, MINUTES), st.integers(0, MINUTES // 60).map(lambda hour: 60 * hour))
TIMES = st.integers(1, 4000).map(lambda eighths: eighths / 8)  # whose sums are exact
WINDOWS = st.lists(st.builds(window, AT, st.sampled_from(KEYS), st.integers(1, 9), TIMES), max_size=40)
ACTIONS = st.one_of(
    st.tuples(st.just("write"), WINDOWS),
    st.tuples(st.just("tidy"), st.integers(1, 100), st.sampled_from(ZONES)),
    st.tuples(st.just("delete"), AT, AT),
    st.tuples(st.just("move"), AT, st.integers(-90, 90)),
)


@pytest.mark.hypothesis
@settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    windows=WINDOWS, actions=st.lists(ACTIONS, max_size=4),
    ranges=st.lists(st.tuples(AT, AT), min_size=1, max_size=3), seconds=st.integers(0, 59),
)  # fmt: skip
def test_any_range_is_what_its_intervals_say(
    home: TestDatabase, db: Database, windows: list[StatementWindow], actions: list[tuple[object, ...]],
    ranges: list[tuple[int, int]], seconds: int,
) -> None:  # fmt: skip
    empty(home, db)
    store.write_statements(db, windows)
    tidy(db)
    for what, *how in actions:
        if what == "write":
            store.write_statements(db, how[0])  # type: ignore[arg-type]
        elif what == "tidy":
            db.execute(f"set timezone = '{how[1]}'")
            tidy(db, timedelta(hours=how[0]))  # type: ignore[arg-type]
            db.execute("reset timezone")
        elif what == "delete":
            first, last = sorted((moment(how[0]), moment(how[1])))  # type: ignore[arg-type]
            db.execute("delete from postai.sample_statement where at between %s and %s", (first, last))
        else:
            at = moment(how[0])  # type: ignore[arg-type]
            db.execute(
                "update postai.sample_statement set at = at + %s where at >= %s", (timedelta(minutes=how[1]), at)  # type: ignore[arg-type]
            )  # fmt: skip
        check_sums(db)
    for first, last in [(0, MINUTES), *ranges]:
        since, until = sorted((moment(first), moment(last)))
        check(db, since, until + timedelta(seconds=1 + seconds))
        check(db, since - timedelta(hours=5, seconds=seconds), until)
        check(db, since, until + timedelta(minutes=1), user="postgres")


def test_days_are_read_from_sums_and_their_ends_from_intervals(home: TestDatabase, db: Database) -> None:
    empty(home, db)
    store.write_statements(db, [window(minute) for minute in range(10, MINUTES, 10)])
    assert tidy(db) == (0, 60 + 2)
    assert tidy(db) == (0, 0), "only what has none is summed up"
    # What is only in the sums shows that they are what is read.
    home.execute("update postai.statement_sum set calls = calls * case hours when 24 then 100 else 10 end")
    assert calls(db, 0, 600) == 10 * 60 * 3
    assert calls(db, 30, 150) == 3 * 3 + 10 * 6 * 3 + 3 * 3
    assert calls(db, -60, 27 * 60 + 10) == 100 * 144 * 3 + 10 * 18 * 3 + 3
    store.write_statements(db, [window(65)])  # comes late
    assert calls(db, 0, 120) == 10 * 6 * 3 + 7 * 3
    assert calls(db, -60, 24 * 60) == 10 * 23 * 6 * 3 + 7 * 3
    assert tidy(db) == (0, 2)


def test_hours_that_became_rows_need_no_sums(home: TestDatabase, db: Database) -> None:
    empty(home, db)
    store.write_statements(db, [window(minute) for minute in range(10, MINUTES, 10)])
    tidy(db)
    rolled, summed = tidy(db, timedelta(hours=24))
    assert (rolled > 30, summed) == (True, 2), "their days are summed up anew"
    found = db.query("select hours, count(*) from postai.statement_sum group by hours order by hours")
    assert found == [(1, 60 - rolled), (24, 2)]
    check(db, moment(0), moment(MINUTES))


def test_sums_wait_for_whoever_writes_intervals(home: TestDatabase, db: Database) -> None:
    empty(home, db)
    store.write_statements(db, [window(10)])
    with connect(home.dsn(AGENT)) as other:
        with db.transaction():
            store.write_statements(db, [window(20)])
            summing = threading.Thread(target=tidy, args=(other,))
            summing.start()
            wait_for(
                lambda: home.execute(
                    "select 1 from pg_locks where not granted and relation = 'postai.statement_sum'::regclass"
                )
            )
        summing.join(30)
    check_sums(db)
    assert db.query("select calls from postai.statement_sum where hours = 1") == [(6,)]
    check(db, moment(0), moment(60))
