"""Nobody waits long for a step or its undo; what somebody else made meanwhile must be what the step would make."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from agent_support import wait_for
from lifecycle_support import OPTIONS, Shop, draft, shop_clone, shop_template

from conftest import TestDatabase
from postai.database import connect
from postai.deadline import Deadline
from postai.migrate.draft import draft as drafted
from postai.migrate.plan import plan
from postai.proposals import DraftStep
from postai.proposals.step_locks import LockBudget

TABLES = """
set role lc_owner;
create table shop.parent (id int primary key, name text not null unique deferrable, kind text);
create table shop.child (id int primary key, parent int,
  constraint its_parent foreign key (parent) references shop.parent, constraint its_number check (id > 0));
create table shop.log (id int, at date not null) partition by range (at);
create table shop.log_1 partition of shop.log for values from ('2026-01-01') to ('2026-02-01');
create table shop.log_2 partition of shop.log for values from ('2026-02-01') to ('2026-03-01');
create table shop.log_rest partition of shop.log default;
create index log_id on shop.log (id);
comment on table shop.log is 'what happened';
comment on index shop.log_id is 'of all';
comment on index shop.log_1_id_idx is 'of one';
comment on constraint its_number on shop.child is 'it''s "positive"';
comment on constraint its_parent on shop.child is 'a parent';
comment on constraint parent_name_key on shop.parent is 'one of a name';
comment on index shop.child_pkey is 'its key';
alter table shop.child cluster on child_pkey, replica identity using index child_pkey;
insert into shop.parent select i, 'n' || i from generate_series(1, 20) as i;
insert into shop.child select i, i from generate_series(1, 20) as i;
insert into shop.log select i, date '2026-01-01' + i from generate_series(1, 80) as i;
reset role;
"""
BOTH = {"shop.parent": "AccessExclusiveLock", "shop.child": "AccessExclusiveLock"}
HASTY = replace(OPTIONS, lock_patience=0.5, concurrent_lock_timeout=0.5)
MARK = "COMMENT ON TABLE shop.parent IS 'marked'"

both_servers = pytest.mark.parametrize("template", ["pg15", "pg18"], indirect=True)


@pytest.fixture(scope="module")
def template(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    yield from shop_template(request.getfixturevalue(getattr(request, "param", "pg18")))


@pytest.fixture
def shop(template: TestDatabase) -> Iterator[Shop]:
    for one in shop_clone(template):
        one.sql(TABLES)
        yield one


def changed(shop: Shop, statement: str) -> int:
    """The proposal for a change, as the planner makes it."""
    with connect(shop.database.dsn("lc_agent")) as agent:
        made = plan(agent, [statement], Deadline.after(30))
    return shop.create(drafted(made, "A change", "because"))


def as_it_is(shop: Shop) -> list[str]:
    """Constraints, indexes and columns of the schema with their comments, one line each."""
    return [row[0] for row in shop.sql("""
        select k.conrelid::regclass || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid) || k.convalidated
               || coalesce(obj_description(k.oid, 'pg_constraint'), '')
          from pg_constraint k where k.connamespace = 'shop'::regnamespace
        union all
        select pg_get_indexdef(i.indexrelid) || i.indisvalid || coalesce(h.inhparent::regclass::text, '')
               || i.indisclustered || i.indisreplident || coalesce(obj_description(i.indexrelid, 'pg_class'), '')
          from pg_index i join pg_class c on c.oid = i.indrelid left join pg_inherits h on h.inhrelid = i.indexrelid
         where c.relnamespace = 'shop'::regnamespace
        union all
        select c.oid::regclass || ' ' || a.attname || a.attnotnull || coalesce(pg_get_expr(c.relpartbound, c.oid), '')
               || c.relreplident::text || coalesce(obj_description(c.oid, 'pg_class'), '')
          from pg_attribute a join pg_class c on c.oid = a.attrelid
         where c.relnamespace = 'shop'::regnamespace and a.attnum > 0 and c.relkind in ('r', 'p')
        order by 1""")]  # fmt: skip


def test_a_step_takes_all_its_locks_first_those_of_referring_tables_before_others(shop: Shop) -> None:
    step = DraftStep(MARK, undo="COMMENT ON TABLE shop.parent IS NULL", step_class="short_lock", locks=BOTH)
    shop.apply(shop.create(draft(step, kind="migrate")))
    with shop.holding("select from shop.parent"), shop.background(lambda: shop.run()) as results:
        wait_for(lambda: shop.sql("select 1 from pg_stat_activity where query ~ '^LOCK TABLE ONLY shop.parent'"
                                  " and wait_event_type = 'Lock' and pid <> pg_backend_pid()"))  # fmt: skip
        rows = shop.sql("select l.granted from pg_locks l where l.relation = 'shop.child'::regclass"
                        " and l.mode = 'AccessExclusiveLock'")  # fmt: skip
        assert rows in ([(True,)], [])  # a try may have ended meanwhile
    assert results[0].state in ("done", "failed")
    if results[0].state == "failed":
        assert results[0].error.sqlstate == "PA009"
    else:
        assert shop.value("select obj_description('shop.parent'::regclass)") == "marked"


def test_the_waits_of_one_step_are_taken_from_one_budget(shop: Shop) -> None:
    with shop.connect() as agent, agent.transaction():
        agent.execute("set local role lc_owner")
        budget = LockBudget(agent, 5.0)
        budget.take(BOTH)
        locks = agent.query("select relation::regclass::text from pg_locks where mode = 'AccessExclusiveLock'")
        assert {name for (name,) in locks} == set(BOTH)
        before = agent.query("select setting::int from pg_settings where name = 'lock_timeout'")[0][0]
        time.sleep(0.05)
        budget.limit()
        after = agent.query("select setting::int from pg_settings where name = 'lock_timeout'")[0][0]
    assert 0 < after < before <= 5000


@both_servers
@pytest.mark.parametrize(
    ("statement", "parts"),
    [
        ("alter table shop.child drop constraint its_number", ["NOT VALID", "VALIDATE CONSTRAINT its_number"]),
        ("alter table shop.child drop constraint its_parent", ["NOT VALID", "VALIDATE CONSTRAINT its_parent"]),
        ("alter table shop.parent drop constraint parent_name_key", ["INDEX CONCURRENTLY", "USING INDEX parent_na"]),
        ("alter table shop.child drop constraint child_pkey", ["INDEX CONCURRENTLY", "PRIMARY KEY USING INDEX"]),
        ("alter table shop.parent alter column name drop not null", ["NOT VALID", "VALIDATE CONSTRAINT"]),
        ("alter table shop.log detach partition shop.log_2", ["NOT VALID", "VALIDATE", "VALIDATE", "ATTACH PARTITION"]),
        ("comment on table shop.log is null", ["'what happened'"]),
        ("drop index shop.log_id", ["ON ONLY", "CONCURRENTLY", "CONCURRENTLY", "CONCURRENTLY", "ATTACH PARTITION"]),
    ],
)  # fmt: skip
def test_what_was_dropped_is_made_again_without_stopping_anybody(shop: Shop, statement: str, parts: list[str]) -> None:
    before = as_it_is(shop)
    proposal = changed(shop, statement)
    shop.sql(f"select postai.apply({proposal}, unsafe => true)", "lc_boss")
    assert shop.run().state == "done" and as_it_is(shop) != before
    undo = "\n".join(row[0] for row in shop.sql(f"select undo from postai.steps({proposal}) where undo is not null"))
    for part in parts:
        assert part in undo, undo
        undo = undo.split(part, 1)[1]
    shop.sql(f"select postai.undo({proposal})", "lc_boss")
    result = shop.run()
    assert result.state == "done", result.error
    assert as_it_is(shop) == before


def test_an_undo_that_stopped_goes_on_behind_what_it_had_done_and_names_the_rows(shop: Shop) -> None:
    before = as_it_is(shop)
    proposal = changed(shop, "alter table shop.child drop constraint its_number")
    shop.apply(proposal)
    assert shop.run().state == "done"
    shop.sql("insert into shop.child values (-7, 1), (-8, 1)")
    shop.sql(f"select postai.undo({proposal})", "lc_boss")
    result = shop.run()
    assert result.error is not None and result.error.sqlstate == "23514", result
    assert "(id) = -7; -8" in (result.error.detail or "")
    assert "SELECT * FROM shop.child AS t WHERE NOT" in (result.error.hint or "")
    assert shop.value("select convalidated from pg_constraint where conname = 'its_number'") is False
    shop.sql("delete from shop.child where id < 0")
    shop.sql(f"select postai.undo({proposal})", "lc_boss")
    assert shop.run().state == "done" and as_it_is(shop) == before


@pytest.mark.parametrize(
    ("wanted", "other", "same"),
    [
        ("alter table shop.child add constraint x check (parent in (1, 2) or parent > 0)",
         "alter table shop.child add constraint x check (parent > 3) not valid",
         "alter table shop.child add constraint x check (parent = any (array[1, 2]) or parent > 0) not valid"),
        ("alter table shop.child add constraint x foreign key (parent) references shop.parent on delete cascade",
         "alter table shop.child add constraint x foreign key (parent) references shop.parent",
         "alter table shop.child add constraint x foreign key (parent) references shop.parent on delete cascade"
         " not valid"),
        ("alter table shop.child add column x int", "alter table shop.child add column x text",
         "alter table shop.child add column x int"),
        ("create index x on shop.child (parent)", "create index x on shop.child (id, parent)",
         "create index x on shop.child (parent)"),
        ("create table shop.x (a int)", "create table shop.x (b text)", None),
    ],
)  # fmt: skip
def test_another_object_of_that_name_is_not_taken_for_done(
    shop: Shop, wanted: str, other: str, same: str | None
) -> None:
    """Each proposal first fails behind its first step; what somebody makes then is what the next try finds."""
    for made, state in ((other, "failed"), *(((same, "done"),) if same else ())):
        shop.sql("alter table shop.item drop column if exists first")
        proposal = changed(shop, f"alter table shop.item add column first int; {wanted}")
        shop.apply(proposal)
        with shop.holding("lock table shop.child", "create table shop.x ()"):
            assert shop.run(options=HASTY).state == "failed"
        shop.sql(f"set role lc_owner; {made}")
        listed = as_it_is(shop)
        shop.apply(proposal)
        result = shop.run(options=HASTY)
        assert result.state == state, (made, result.error)
        if state == "failed":
            assert result.error is not None and result.error.sqlstate == "PA008" and result.error.hint, made
            assert as_it_is(shop) == listed
            shop.sql("alter table shop.child drop constraint if exists x, drop column if exists x")
            shop.sql("drop index if exists shop.x" if "index" in made else "drop table if exists shop.x")
