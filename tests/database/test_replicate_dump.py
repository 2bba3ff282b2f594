"""A source that can only be read: its rows are copied in the pause, and nothing is lost whatever goes wrong there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from replicate_support import MovedDatabase, Servers, Stand
from test_replicate_machine import at_home, quiet, until

from conftest import make_database
from loss import compare
from postai.database import Database
from postai.errors import Refused
from postai.replicate import asked, machine, store
from postai.replicate.cutover import NotReady, SwitchUndone
from postai.replicate.move import Move
from postai.replicate.types import Method, Side, State

READER = "postai_dump_reader"
SHOP = """
create schema shop;
create type shop.state as enum ('new', 'paid');
create table shop.customer (id int primary key, name text not null unique);
create table shop.orders (
    id bigserial primary key, customer int not null references shop.customer, state shop.state not null default 'new',
    total numeric, twice numeric generated always as (total * 2) stored);
create index on shop.orders (customer, state);
create table shop.log (at timestamptz, what text) partition by range (at);
create table shop.log_old partition of shop.log for values from ('2020-01-01') to ('2025-01-01');
create table shop.log_new partition of shop.log for values from ('2025-01-01') to ('2030-01-01');
create index on shop.log (at);
create table shop.empty ();
create function shop.stamped() returns trigger language plpgsql as 'begin new.name := upper(new.name); return new; end';
create trigger stamped before insert on shop.customer for each row execute function shop.stamped();
create view shop.totals as select c.id, c.name, sum(o.total) from shop.customer as c
  join shop.orders as o on o.customer = c.id group by c.id;
create materialized view shop.counted as select count(*) from shop.orders;
create unique index on shop.counted (count);
alter table shop.log enable row level security;
insert into shop.customer select i, 'customer ' || i from generate_series(1, 50) as i;
insert into shop.orders (customer, total) select 1 + i % 50, i from generate_series(1, 500) as i;
insert into shop.log select '2024-06-01'::timestamptz + i * interval '1 day', 'x' from generate_series(1, 400) as i;
refresh materialized view shop.counted;
grant usage on schema shop to postai_dump_reader;
grant select on all tables in schema shop to postai_dump_reader;
grant select on all sequences in schema shop to postai_dump_reader;
"""


@pytest.fixture
def reader(moving_servers: Servers) -> Iterator[None]:
    """A role of the source that may only read, asked for before the stand, so that it ends after it."""
    with _session(moving_servers) as db:
        db.execute(f"create role {READER} login password '{READER}' bypassrls")
    yield
    with _session(moving_servers) as db:
        db.execute(f"drop owned by {READER}; drop role {READER}")


def _session(servers: Servers) -> Database:
    from postai.database import connect

    return connect(servers.source.dsn())


@pytest.fixture
def shop(reader: None, stand: Stand, tmp_path: Path) -> Stand:
    """A small source, an empty target, and the file that sends the clients."""
    source, target = (make_database(server, "template0") for server in (stand.source_server, stand.target_server))
    source.execute(SHOP)
    source.execute(f'revoke temporary on database "{source.name}" from public')
    stand.__dict__["source"] = MovedDatabase(source.server, source.name)
    stand.__dict__["target"] = MovedDatabase(target.server, target.name)
    (tmp_path / "address").write_text(stand.source_dsn() + "\n")
    return stand


def begun(home: Database, stand: Stand, address: Path, **options: object) -> Move:
    redirects = {"shop": {"driver": "file", "path": str(address)}}
    dsns = {Side.SOURCE: stand.source_dsn(READER), Side.TARGET: stand.target_dsn()}
    return machine.start(home, "shop", "legacy", "new", dsns, options=options, redirects=redirects)


def test_copied_in_the_pause(shop: Stand, tmp_path: Path) -> None:
    address = tmp_path / "address"
    before = shop.source.schema_text()
    with at_home(shop) as home:
        move = until(home, begun(home, shop, address), State.READY)
        assert move.row.method is Method.DUMP
        asked.switch(home, move, Side.TARGET, quiet, max_pause=30.0, rehearse=True)
        outcome = asked.switch(home, move, Side.TARGET, quiet, max_pause=30.0, stopped=True)
        assert outcome.serving is Side.TARGET
    assert compare(shop.source_dsn(), shop.target_dsn()) == ()
