"""Every way to write, to define and to forbid: what the edge answers afterwards is what the server answers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from edge_caches import CachingEdge, caching, simple
from edge_support import PATIENCE
from psycopg import sql

from conftest import TestDatabase, drop_database, superuser

BOUND = 0.5
SETUP = """
create type mood as enum ('sad', 'ok');
create table item (id int primary key, name text, v int);
create table child (id int primary key, item_id int references item on update cascade on delete cascade, v int);
create table leaf (id int primary key, child_id int references child on delete set null);
create table audit (id int generated always as identity primary key, what text);
create function note() returns trigger language plpgsql as
  $$begin insert into audit (what) values (tg_op); return null; end$$;
create trigger note after insert or update or delete on item for each row execute function note();
create table parted (id int, half int, v int, primary key (id, half)) partition by list (half);
create table parted_0 partition of parted for values in (0);
create table parted_1 (v int, half int not null, extra int, id int not null);
alter table parted_1 drop column extra;
alter table parted attach partition parted_1 for values in (1);
create table parted_rest partition of parted default;
create table base (id int primary key, v int);
create table heir (own int unique not null) inherits (base);
alter table heir replica identity using index heir_own_key;
create table coded (id int primary key, code text not null unique, v int);
alter table coded replica identity using index coded_code_key;
create table whole (id int, v int);
alter table whole replica identity full;
create table feeling (id int primary key, mood mood);
create table made (id int primary key, v int, twice int generated always as (v * 2) stored);
create table sorted (id int primary key, t text collate "C");
create table far (id int primary key, v int);
insert into item select n, 'n' || n, n from generate_series(1, 20) as n;
insert into child select n, n, n from generate_series(1, 20) as n;
insert into leaf select n, n from generate_series(1, 20) as n;
insert into parted select n, n % 2, n from generate_series(1, 20) as n;
insert into base select n, n from generate_series(1, 5) as n;
insert into heir select n, n, n from generate_series(6, 9) as n;
insert into coded select n, 'c' || n, n from generate_series(1, 9) as n;
insert into whole select n, n from generate_series(1, 9) as n;
insert into feeling values (1, 'ok'), (2, 'sad');
insert into made (id, v) values (1, 1), (2, 2);
insert into sorted values (1, 'a'), (2, 'B');
insert into far values (1, 1);
create view near as select id, name, v from item where v < 15;
create view nearer as select id, name from near where v < 10;
create view barrier with (security_barrier) as select id, v from item where v > 3;
create publication postai_edge for all tables;
"""
ASKED = (
    "select name from item where id = 7",
    "select v from item where id = 21",
    "select count(*), sum(v) from item",
    "select i.name, c.v from item i join child c on c.item_id = i.id where i.id = 7",
    "select item_id, v from child where id = 7",
    "select child_id from leaf where id = 7",
    "select count(*) from audit",
    "select v from parted where id = 3 and half = 1",
    "select v from parted where id = 4 and half = 0",
    "select v from parted where id = 4 and half = 9",
    "select count(*), sum(v) from parted",
    "select v from parted_1 where id = 3 and half = 1",
    "select v from base where id = 7",
    "select v from only base where id = 2",
    "select sum(v) from base",
    "select v from coded where code = 'c3'",
    "select v from coded where id = 3",
    "select v from whole where id = 3",
    "select id, mood from feeling order by mood, id",
    "select twice from made where id = 1",
    "select t from sorted order by t",
    "select v from far where id = 1",
    "select name from near where id = 7",
    "select name from nearer where id = 7",
    "select v from barrier where id = 7",
)  # fmt: skip

WRITES = """
insert into item values (21, 'new', 21)
with gone as (delete from item where id = 21 returning *) insert into audit (what) select name from gone
insert into item values (7, 'again', 7) on conflict (id) do update set name = excluded.name
insert into item values (7, 'not', 7) on conflict do nothing
copy item from program 'printf "21\\tcopied\\t3\\n"'
delete from item where id = 21
merge into item using (values (7, 'merged'), (22, 'made')) as n (id, name) on item.id = n.id \
when matched then update set name = n.name when not matched then insert values (n.id, n.name, 5)
merge into item using (values (22)) as n (id) on item.id = n.id when matched then delete
update item set id = 107 where id = 7
update item set id = 7 where id = 107
begin; savepoint a; update item set name = 'a' where id = 7; rollback to a; update child set v = 70 where id = 7; commit
begin; savepoint a; update item set name = 'kept' where id = 7; release a; commit
begin; update item set name = 'gone' where id = 7; rollback
set session_replication_role = replica; update item set name = 'replica' where id = 7; delete from child where id = 8
delete from item where id = 7
insert into item values (7, 'back', 7); insert into child values (7, 7, 7); update leaf set child_id = 7 where id = 7
update parted set half = 0 where id = 3
update parted set half = 1, v = 33 where id = 3
update parted set half = 9 where id = 4
update parted set half = 0 where id = 4
delete from parted_1 where id = 3
insert into parted_1 (id, half, v) values (3, 1, 34)
alter table parted detach partition parted_1
update parted_1 set v = 35 where id = 3
alter table parted attach partition parted_1 for values in (1)
alter table parted detach partition parted_rest
alter table parted detach partition parted_1 concurrently
alter table parted attach partition parted_1 for values in (1)
alter table parted attach partition parted_rest default
truncate parted_0
truncate parted
insert into parted select n, n % 2, n from generate_series(1, 20) as n
update heir set v = 70 where own = 7
update base set id = 77 where id = 7
update base set id = 7 where id = 77
insert into heir values (2, 100, 30)
alter table heir no inherit base
update heir set v = 71 where own = 7
alter table heir inherit base
truncate only base
truncate base
insert into base values (2, 2); insert into heir values (7, 7, 7)
update coded set v = 30 where id = 3
update coded set code = 'x' where id = 3
update coded set code = 'c3' where id = 3
alter table coded replica identity full; update coded set v = 31 where id = 3
alter table coded drop constraint coded_code_key; update coded set v = 32 where id = 3
alter table coded replica identity default; update coded set v = 33 where id = 3
begin; alter table coded replica identity full; update coded set v = 34 where id = 3; \
alter table coded replica identity default; update coded set v = 35 where id = 3; commit
update whole set v = 30 where id = 3
alter table whole add primary key (id); alter table whole replica identity default; update whole set v = 31 where id = 3
alter type mood add value 'best' before 'sad'
update feeling set mood = 'best' where id = 1
alter type mood rename value 'best' to 'worst'
alter table made drop column twice, add twice int generated always as (v * 3) stored
update made set v = 5 where id = 1
alter table made alter v set default 3
alter table made alter twice drop expression
update made set twice = 1 where id = 1
create collation own (locale = 'C'); alter table sorted alter t type text collate own
alter collation own rename to renamed
alter table sorted alter t type text collate "default"; drop collation renamed
create or replace view near as select id, 'view' || name as name, v from item where v < 15
create or replace view nearer as select id, upper(name) as name from near where v < 10
create or replace view barrier with (security_barrier) as select id, v + 1 as v from item
alter view nearer rename column name to title
alter view nearer rename column title to name
create rule also as on update to far do also update item set name = 'by rule' where id = 7; update far set v = 2
alter table far rename to farther; create table far (id int primary key, v int); insert into far values (1, 99)
drop table far; alter table farther rename to far
alter table far rename column v to w; alter table far add column v int default 5
create schema other; alter table far set schema other; alter table other.far set schema public
create schema "{reader}" authorization {reader}; create table "{reader}".far (id int primary key, v int)
alter table "{reader}".far owner to {reader}; insert into "{reader}".far values (1, 1000)
alter table "{reader}".far replica identity nothing; alter publication postai_edge set (publish = 'insert,truncate')
update "{reader}".far set v = 1001
alter publication postai_edge set (publish = 'insert,update,delete,truncate')
alter table "{reader}".far replica identity default; update "{reader}".far set v = 1002
alter table "{reader}".far set unlogged
update "{reader}".far set v = 1003
alter table "{reader}".far set logged; update "{reader}".far set v = 1004
drop table "{reader}".far
alter role {reader} set search_path = other, public; create table other.far as select 1 as id, 7 as v
grant usage on schema other to {reader}; grant select on other.far to {reader}
alter role {reader} reset search_path
drop table other.far
drop publication postai_edge
update item set name = 'untold' where id = 7
create publication postai_edge for all tables
update item set name = 'told' where id = 7
drop publication postai_edge; create publication postai_edge for table item, child, parted, base, heir, coded
update item set name = 'some' where id = 7; update far set v = 8
alter publication postai_edge drop table item; update item set name = 'none' where id = 7
alter publication postai_edge add table item where (id > 100)
update item set name = 'filtered' where id = 7
drop publication postai_edge; create publication postai_edge for all tables with (publish_via_partition_root)
update parted set v = v + 1; update item set name = 'rooted' where id = 7
drop publication postai_edge; create publication postai_edge for all tables
revoke select on item from {reader}
grant select (id, name) on item to {reader}
grant select on item to {reader}
revoke select (name) on item from {reader}
alter view nearer owner to {owner}
grant select on near to {owner}
alter view near owner to {owner}
grant select on item to {owner}
revoke select on item from {owner}
alter view near set (security_barrier = true); grant {owner} to {reader}
revoke {owner} from {reader}; grant select on item to {owner}
reassign owned by {owner} to postgres
alter table far owner to {owner}; revoke select on far from {reader}
grant {owner} to {reader}
revoke {owner} from {reader}; grant select on far to {reader}
alter table far enable row level security
create policy few on far using (v < 5)
alter policy few on far using (v > 5)
alter table far disable row level security
revoke usage on schema public from public
grant usage on schema public to public
truncate item cascade
insert into item values (7, 'last', 7); insert into child values (7, 7, 7); insert into leaf values (7, 7)
drop view near cascade
drop table item cascade
"""


@pytest.fixture
def roles(database: TestDatabase) -> Iterator[tuple[str, str]]:
    names = f"reader_{database.name}", f"owner_{database.name}"
    with superuser(database.server) as connection:
        for name in names:
            connection.execute(sql.SQL("create role {} login password {}").format(sql.Identifier(name), name))
        yield names
        drop_database(database)
        for name in names:
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def answer(client: psycopg.Connection, text: str) -> object:
    """What a client gets, in the order in which it comes where it has one; or the SQLSTATE of its error."""
    try:
        return simple(client, text)
    except psycopg.Error as error:
        return error.sqlstate


def statements(database: TestDatabase, reader: str, owner: str) -> Iterator[str]:
    major = database.server.binaries.major
    for line in WRITES.replace("\\\n", "").strip().splitlines():
        yield line.replace("{reader}", reader).replace("{owner}", owner)
        if line.startswith("alter table made alter v set") and major >= 18:
            yield "alter table made alter twice set expression as (v * 4)"
            yield "alter table made drop column twice, add twice int generated always as (v * 7) virtual"
            yield "alter table made drop column twice, add twice int generated always as (v * 3) stored"
        if line.startswith("grant select on item to {owner}") and major >= 15:
            yield "alter view near set (security_invoker = true)"
            yield "alter view near reset (security_invoker)"


@pytest.mark.parametrize("triggers", [True, pytest.param(False, marks=pytest.mark.soak)], ids=["told", "polled"])
def test_whatever_is_written_is_seen(database: TestDatabase, roles: tuple[str, str], triggers: bool) -> None:
    reader, owner = roles
    setup = f"{SETUP} grant select on all tables in schema public to {reader}; grant create on schema public to {owner}"
    with (
        caching(database, setup, triggers=triggers, max_staleness=BOUND) as edge,
        edge.connect(reader) as client,
        database.connect() as writer,
    ):
        kept = set(ASKED)
        for statement in statements(database, reader, owner):
            kept = _fill(edge, client, kept)
            for one in statement.split("; ") if "concurrently" in statement else [statement]:
                writer.execute(one)  # type: ignore[call-overload]
            writer.execute("reset session_replication_role")
            with database.connect(reader) as direct:  # has the role's settings of now
                _agree(client, direct, statement)
        assert edge.figures.hits > 1000, edge.figures


def _fill(edge: CachingEdge, client: psycopg.Connection, kept: set[str]) -> set[str]:
    """Have answers kept: those that were kept before are waited for."""
    end = time.monotonic() + 0.3  # some of them are not kept any more
    found: set[str] = set()
    while found < kept and time.monotonic() < end:
        for text in ASKED:
            before = edge.figures.hits
            answer(client, text)
            if edge.figures.hits > before:
                found.add(text)
    return found or set(ASKED)


def _agree(client: psycopg.Connection, direct: psycopg.Connection, statement: str) -> None:
    end = time.monotonic() + PATIENCE
    for text in ASKED:
        while (found := answer(client, text)) != (right := answer(direct, text)):
            assert time.monotonic() < end, (statement, text, found, right)
            time.sleep(0.01)
