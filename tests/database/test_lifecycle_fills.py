"""Backfills leave no row out: keys of people's types, rows that policies hide, rows that a trigger writes back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lifecycle_support import OPTIONS, Shop, draft, open_shop

from conftest import TestDatabase
from postai.proposals import DraftStep
from postai.proposals.types import Backfill

QUICK = replace(OPTIONS, batch_rest=0.0, batch_ms=20.0)


def fill(table: str) -> DraftStep:
    return DraftStep(
        f"UPDATE {table} SET w = n WHERE w IS NULL",
        step_class="batched",
        backfill=Backfill(table, ("id",), {"w": "n"}, "w IS NULL"),
        phase="contract",
    )


@pytest.fixture(params=["database15", "database18"])
def shop(request: pytest.FixtureRequest) -> Shop:
    database: TestDatabase = request.getfixturevalue(request.param)
    one = open_shop(database)
    one.value("select postai.set('batch_rows', '1')")
    one.sql("create extension citext schema public; create type public.mood as enum ('b', 'a', 'c')")
    for name, kind in (("by_mood", "public.mood"), ("by_text", "public.citext"), ("hidden", "text"), ("back", "text")):
        one.sql(
            f"set role lc_owner; create table shop.{name} (id {kind} primary key, n int, w int);"
            f" insert into shop.{name} values ('a', 1), ('b', 2), ('c', 3)"
        )
    return one


def test_no_row_is_left_out_in_silence(shop: Shop) -> None:
    def run(table: str) -> str | None:
        proposal = shop.create(draft(fill(table)))
        shop.sql(f"select postai.apply({proposal}, unsafe => true, accept_triggers => true)", "lc_boss")
        result = shop.run(options=QUICK)
        assert (result.state == "done") == (result.error is None)
        return result.error.sqlstate if result.error else None

    assert run("shop.by_mood") is None
    assert shop.value("select count(*) from shop.by_mood where w = n") == 3
    assert run("shop.by_text") == "PA003"
    shop.sql(
        "set role lc_owner; create policy p on shop.hidden using (id = 'a');"
        " alter table shop.hidden enable row level security; alter table shop.hidden force row level security"
    )
    assert run("shop.hidden") == "42501"
    shop.sql(
        "set role lc_owner; create function shop.back() returns trigger language plpgsql as"
        " 'begin if new.n = 2 then new.w := null; end if; return new; end';"
        " create trigger back before update on shop.back for each row execute function shop.back()"
    )
    assert run("shop.back") == "PA010"
    shop.sql("set role lc_owner; drop trigger back on shop.back")
    assert run("shop.back") is None
    assert shop.value("select count(*) from shop.back where w = n") == 3
