"""Triggers that wait for the end of the transaction run as the owner too, never with the agent's other rights."""

from __future__ import annotations

from lifecycle_support import draft, open_shop

from conftest import TestDatabase

TRIGGER = """
create table shop.seen (who name);
grant insert on shop.seen to public;
grant usage on schema shop to public;
create function shop.look() returns trigger language plpgsql as
  $f$ begin insert into shop.seen values (current_user); return null; end $f$;
alter function shop.look() owner to lc_owner;
create constraint trigger look after update on shop.item deferrable initially deferred
  for each row execute function shop.look();
"""


def test_deferred_triggers_run_as_the_owner(database: TestDatabase) -> None:
    shop = open_shop(database)
    for statement in filter(str.strip, TRIGGER.split(";\n")):
        shop.sql(statement)
    proposal = shop.create(draft("UPDATE shop.item SET note = '' WHERE id = 1"))
    action = shop.value(f"select postai.apply({proposal}, accept_triggers => true)", "lc_boss")
    assert shop.run().state == "done", shop.action(action)
    assert shop.sql("select * from shop.seen") == [("lc_owner",)]
