"""The value index as the sidecar keeps it: fresh after writes and definitions, given only to those who may read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from agent_support import AGENT, AgentProcess, agent_dsn, install_postai, running, wait_for

from conftest import TestDatabase
from postai.database import Database, Pool, Row
from postai.database.catalog import Catalog, ColumnName, KnownJoin, KnownValues
from postai.deadline import Deadline
from postai.language.values import Limits
from postai.service.knowledge import Knowledge
from postai.service.rest import Rest
from postai.service.values_duty import Pace, ValuesDuty

BREWERY = """
create table beers (id int primary key, name text, style text);
insert into beers values (1, 'Polar', 'stout'), (2, 'Dawn', 'ale'), (3, 'Dusk', 'ale');
create table taps (id int, beer_id int, secret_word text, place text);
insert into taps select i, 1 + i % 3, 'sesame' || i, (array['bar', 'terrace'])[1 + i % 2]
  from generate_series(1, 30) as i;
grant select on beers, taps to postai_agent;
"""
PACE = Pace(look=0.2, notified=0.05, table=0.2, joins=0.2, again=0.1, publish=30.0, rest=0.1)


@dataclass
class Kept:
    """A database, its duty at work, and the knowledge that questions are answered from."""

    database: TestDatabase
    pool: Pool
    knowledge: Knowledge
    duty: ValuesDuty

    def catalog(self, role: str = "drinker", login: str | None = None) -> Catalog:
        with self.pool.database() as db:
            return self.knowledge.see(db, role, login or role)[0].catalog

    def values(self, table: str, column: str, role: str = "drinker") -> KnownValues | None:
        found = self.catalog(role).table("public", table)
        its = found.column(column) if found is not None else None
        return its.values if its is not None else None

    def settle(self) -> None:
        """Until the duty has looked at everything that there is now."""
        version = self._version()
        self.duty.begin()
        self.duty.wake("")
        self.until(lambda: self._version() > version)

    def settle_at_least(self, seconds: float) -> None:
        """Begin anew, and look for so long."""
        self.duty.begin()
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end)

    def until(self, what: Callable[[], object]) -> None:
        """Wait while the duty looks as often as its pace allows."""

        def look() -> object:
            self.duty.wake("")
            return what()

        wait_for(look)

    def _version(self) -> int:
        return int(str(self.database.execute("select version from postai.value_index_state")[0][0]))


def login(name: str, *roles: str) -> str:
    made = (
        f"do $$ begin if to_regrole('{name}') is null then create role {name} login password '{name}'; end if; end $$;"
    )
    return made + "".join(f"grant {role} to {name};" for role in roles)


@contextmanager
def kept(database: TestDatabase, place: Path) -> Iterator[Kept]:
    install_postai(database, "dblink")
    database.execute(
        BREWERY + login("drinker", "postai_user") + login("brewer", "postai_operator")
        + "grant select on beers, taps to drinker, brewer"
    )  # fmt: skip
    with Pool(agent_dsn(database.server, database.name, place), max_size=4) as pool:
        knowledge = Knowledge()
        duty = ValuesDuty(database.name, pool, knowledge, PACE)
        one = Kept(database, pool, knowledge, duty)
        one.settle()
        try:
            yield one
        finally:
            duty.stop(Deadline.after(10))


@pytest.fixture
def brewery(database: TestDatabase, tmp_path: Path) -> Iterator[Kept]:
    with kept(database, tmp_path) as one:
        yield one


def test_the_index_reaches_the_catalog(brewery: Kept) -> None:
    assert brewery.values("beers", "style") == KnownValues(("ale", "stout"), True)
    assert brewery.values("taps", "secret_word") is None
    joins = brewery.catalog().joins
    assert [(j.left.column, j.right.table, j.source) for j in joins] == [("beer_id", "beers", "contained")]
    found = brewery.database.execute("select columns, joins, bytes > 0 from postai.value_index_state")
    assert found == [(3, 1, True)]


def test_nobody_but_the_agent_reads_it(brewery: Kept) -> None:
    for user in ("drinker", "brewer"):
        for table in ("value_index", "contained_join", "declared_join"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                brewery.database.execute(f"select * from postai.{table}", user)
    assert brewery.database.execute("select count(*) from postai.value_index", AGENT) == [(3,)]


def test_writes_are_seen(brewery: Kept) -> None:
    brewery.database.execute("insert into beers values (4, 'Noon', 'porter')")

    def seen() -> bool:
        known = brewery.values("beers", "style")
        return known is not None and "porter" in known.values

    brewery.until(seen)
    brewery.database.execute("truncate beers")
    brewery.until(lambda: brewery.values("beers", "style") is None)
    brewery.until(lambda: brewery.catalog().joins == ())


def kept_joins(one: Kept) -> list[Row]:
    return one.database.execute("select xmin::text, left_table, right_table from postai.contained_join")


def unread(one: Kept) -> tuple[object, ...]:
    return one.database.execute("select unread_tables, unread_sqlstates from postai.value_index_state")[0]


def test_a_locked_table_keeps_what_was_found(brewery: Kept, caplog: pytest.LogCaptureFixture) -> None:
    """Not tested is not "not contained": the join and the values stay, and are tested again after the lock."""
    before = kept_joins(brewery)
    with brewery.database.connect() as blocker:
        blocker.execute("begin; lock table beers in access exclusive mode")
        brewery.database.execute("insert into taps values (31, 2, 'sesame', 'cellar')")  # joins are looked for again
        brewery.until(lambda: unread(brewery) == (1, {"55P03": 1}))
        brewery.duty.end()
        brewery.settle_at_least(1.0)  # as a new leader, who knows nothing
        assert unread(brewery) == (1, {"55P03": 1})
        assert kept_joins(brewery) == before and len(before) == 1
        assert brewery.database.execute("select count(*) from postai.value_index") == [(3,)]
        # What was not contained when it could be tested does not stay.
        brewery.database.execute("delete from taps")
        blocker.execute("insert into beers values (9, 'Late', 'mild')")
        blocker.execute("commit")
    brewery.until(lambda: unread(brewery) == (0, {}))
    brewery.until(lambda: kept_joins(brewery) == [])
    told = [record for record in caplog.records if "cannot be read" in record.getMessage()]
    assert 1 <= len(told) <= 2  # one for each leader
    assert not any(value in caplog.text for value in ("stout", "sesame", "beers", "taps"))


def test_a_join_appears_soon_after_a_lock(brewery: Kept) -> None:
    with brewery.database.connect() as blocker:
        blocker.execute("create table brewers (id int primary key, name text)")
        blocker.execute("insert into brewers select i, 'b' || i from generate_series(1, 20) as i")
        blocker.execute("grant select on brewers to postai_agent")
        blocker.execute(
            "create table visits (brewer_id int); insert into visits select 1 + i % 20 from generate_series(1, 40) as i"
        )
        blocker.execute("grant select on visits to postai_agent")
        blocker.execute("begin; lock table brewers in access exclusive mode")
        brewery.until(lambda: unread(brewery) == (1, {"55P03": 1}))
        time.sleep(0.5)
        assert [row[1:] for row in kept_joins(brewery)] == [("taps", "beers")]
        blocker.execute("commit")
    brewery.until(lambda: ("visits", "brewers") in [row[1:] for row in kept_joins(brewery)])
    brewery.database.execute(
        "alter table beers rename column id to number; alter table taps rename column beer_id to x"
    )
    brewery.until(lambda: ("taps", "beers") not in [row[1:] for row in kept_joins(brewery)])


def test_the_limit_of_bytes_counts_what_an_earlier_agent_read(brewery: Kept) -> None:
    """A table that cannot be read keeps its values, so they take room."""
    brewery.duty.stop(Deadline.after(10))
    brewery.database.execute("create table more (id int, word text); grant select on more to postai_agent")
    brewery.database.execute("insert into more values (1, 'abcdefgh'), (2, 'ijklmnop')")
    size = int(str(brewery.database.execute("select bytes from postai.value_index_state")[0][0]))
    with brewery.database.connect() as blocker:
        blocker.execute("begin; lock table beers, taps in access exclusive mode")
        duty = ValuesDuty(brewery.database.name, brewery.pool, brewery.knowledge, PACE, Limits(bytes=size + 10))
        duty.begin()
        try:
            brewery.duty = duty
            brewery.until(lambda: unread(brewery) == (2, {"55P03": 2}))
            assert brewery.database.execute("select sum(bytes) from postai.value_index") == [(size,)]
        finally:
            duty.stop(Deadline.after(10))


def test_unfinished_work_rests_as_long_as_finished_work() -> None:
    """The promise is arithmetic: of any hours, no more than a twentieth is work, notified or not."""
    rest, clock, busy = Rest(20.0), 1000.0, 0.0
    began = clock
    not_before = clock
    for number in range(2_000):
        clock = max(clock + (1.0, 10.0)[number % 2], not_before)  # notified each second time
        start = clock
        looked = 0.4 if number % 50 == 0 else 0.01
        clock += looked
        not_before = rest.look_again(start, clock)
        if start >= rest.until:
            clock += 60.0  # the longest pass, never finished
        rest.spent(start, clock)
        busy += clock - start
    assert busy / (max(clock, rest.until) - began) <= 1 / 20
    assert busy > 60 * 5  # and it goes on


def test_nothing_changes_nothing(brewery: Kept) -> None:
    """A look that finds nothing new writes nothing, and the pictures of questions stay."""
    before = brewery.catalog()
    rows = brewery.database.execute("select xmin::text, table_oid, column_number from postai.value_index")
    brewery.settle()  # reads everything again, as a new leader does
    assert brewery.database.execute("select xmin::text, table_oid, column_number from postai.value_index") == rows
    version = brewery.database.execute("select version from postai.value_index_state")
    for _ in range(5):
        brewery.duty.wake("")
        time.sleep(0.25)
    assert brewery.database.execute("select version from postai.value_index_state") == version
    assert brewery.catalog().tables == before.tables


def test_rights_count_at_once(brewery: Kept) -> None:
    """What is revoked, protected, renamed or dropped is gone before the index was read again."""
    run = brewery.database.execute
    brewery.duty.end()
    run("revoke select on beers from drinker; grant select (id, name) on beers to drinker")
    assert brewery.values("beers", "name") is not None
    assert brewery.catalog().table("public", "beers").column("style") is None  # type: ignore[union-attr]
    assert brewery.values("beers", "style", "brewer") is not None
    run("alter table beers enable row level security")
    assert brewery.values("beers", "name") is None and brewery.values("beers", "style", "brewer") is None
    run("alter table beers disable row level security; alter table beers rename style to sort")
    assert brewery.values("beers", "sort", "brewer") is None and brewery.values("beers", "name", "brewer") is not None
    run("alter table beers drop column sort; alter table beers add column style text")
    assert brewery.values("beers", "style", "brewer") is None
    run("drop table beers; create table beers (id int, name text); grant select on beers to drinker")
    assert brewery.values("beers", "name") is None


def test_a_protected_table_leaves_the_index(brewery: Kept) -> None:
    brewery.database.execute("alter table beers enable row level security; revoke select on taps from postai_agent")
    brewery.until(lambda: brewery.database.execute("select count(*) from postai.value_index") == [(0,)])


def test_a_column_renamed_is_indexed_under_its_new_name(brewery: Kept) -> None:
    brewery.database.execute("alter table beers rename style to sort")
    brewery.until(lambda: brewery.values("beers", "sort"))
    brewery.database.execute("comment on column beers.sort is 'confidential'")
    brewery.until(lambda: brewery.values("beers", "name") and not brewery.values("beers", "sort"))


def test_switched_off(brewery: Kept) -> None:
    with pytest.raises(psycopg.errors.Error) as caught:
        brewery.database.execute("select postai.set('value_index', 'false')", "drinker")
    assert caught.value.sqlstate == "42501"
    brewery.database.execute("select postai.set('value_index', 'false')", "brewer")
    assert brewery.values("beers", "style") is None and brewery.catalog().joins == ()  # before anything was deleted
    brewery.until(lambda: brewery.database.execute("select count(*) from postai.value_index") == [(0,)])
    brewery.database.execute("select postai.set('value_index', null)", "brewer")
    brewery.until(lambda: brewery.values("beers", "style"))


def test_declared_joins_count_for_whom_they_were_made(brewery: Kept) -> None:
    def declared(login: str, role: str = "drinker") -> list[KnownJoin]:
        return [join for join in brewery.catalog(role, login).joins if join.source == "declared"]

    own = KnownJoin(ColumnName("public", "taps", "id"), ColumnName("public", "beers", "id"))
    brewery.database.execute("select postai.declare_join('taps.id', 'beers.id')", "drinker")
    assert declared("drinker") == [own] and declared("brewer", "brewer") == []
    brewery.database.execute("select postai.declare_join('beers.id', 'taps.beer_id')", "brewer")
    joins = brewery.catalog("drinker", "drinker").joins
    assert {join.source for join in joins} == {"declared"} and len(joins) == 2  # in the place of the one that was found
    brewery.database.execute("revoke select on taps from drinker; grant select (id) on taps to drinker")
    assert declared("drinker") == [own] and declared("drinker", "brewer") != []
    brewery.database.execute("select postai.forget_join('taps.id', 'beers.id')", "drinker")
    assert declared("drinker") == []


def test_the_look_costs_one_statement(brewery: Kept) -> None:
    brewery.catalog()
    asked: list[str] = []

    class Counted:
        """A session that notes what it is asked."""

        def __init__(self, db: Database) -> None:
            self._db = db

        def query(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
            asked.append(sql)
            return self._db.query(sql, params)

    with brewery.pool.database() as db:
        brewery.knowledge.see(Counted(db), "drinker", "drinker")  # type: ignore[arg-type]
    assert len(asked) == 1


@pytest.mark.parametrize("server", ["pg18"], indirect=True)  # the agent does the same on every major
def test_an_agent_killed_in_the_middle(database: TestDatabase, tmp_path: Path) -> None:
    """Nothing of the index is half, the next agent completes it, and no value stands in a log."""
    install_postai(database, "dblink")
    database.execute(
        BREWERY
        + "".join(
            f"create table shelf_{i} (id int, state text); insert into shelf_{i} values (1, 'wobbly'), (2, 'firm');"
            f"grant select on shelf_{i} to postai_agent;"
            for i in range(300)
        )
    )

    def agent(name: str) -> AgentProcess:
        dsn = agent_dsn(database.server, database.name, tmp_path)
        return AgentProcess(tmp_path, [(database.name, dsn)], log_name=name)

    def columns() -> int:
        return int(str(database.execute("select count(*) from postai.value_index")[0][0]))

    first = agent("first.log").start()
    wait_for(lambda: columns() > 20)
    first.kill()
    assert database.execute("select count(*) from postai.value_index where cardinality(values) = 0") == [(0,)]
    with running(agent("second.log")) as second:
        wait_for(lambda: columns() == 303)
        second.until("the value index is new")
    for log in ("first.log", "second.log"):
        text = (tmp_path / log).read_text()
        assert not any(value in text for value in ("wobbly", "firm", "stout", "sesame"))
