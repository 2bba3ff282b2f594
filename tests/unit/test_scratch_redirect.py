"""Statements that are made to speak of copies."""

from __future__ import annotations

from typing import Any, cast

import pytest

from postai.errors import Refused
from postai.scratch.redirect import path_of, redirect, redirect_index
from postai.sql.parse import canonical, parse_one

COPIES = {("app", "orders"): "s1", ("app", "Odd"): "s1", ("other", "orders"): "s2"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("select * from app.orders", "select * from s1.orders"),
        ("select app.orders.id from app.orders where app.orders.x = $1",
         "select s1.orders.id from s1.orders where s1.orders.x = $1"),
        ("select o.app from app.orders o join other.orders p using (id)",
         "select o.app from s1.orders o join s2.orders p using (id)"),
        ('select \'app.orders\' from app."Odd" -- app.orders', 'select \'app.orders\' from s1."Odd"'),
        ("with x as (select from app.orders) select from x where exists (select from other.orders)",
         "with x as (select from s1.orders) select from x where exists (select from s2.orders)"),
    ],
)  # fmt: skip
def test_qualified_names_are_changed(given: str, wanted: str) -> None:
    assert canonical(redirect(given, COPIES)) == canonical(wanted)


@pytest.mark.parametrize("given", ["select * from orders", "select 1 from app.elsewhere", "select app.orders(1)"])
def test_the_rest_stays_as_it_is(given: str) -> None:
    assert redirect(given, COPIES) is given


def test_two_statements_are_refused() -> None:
    with pytest.raises(Refused):
        redirect("select 1; select 2", COPIES)


def test_copies_stand_before_the_real_ones() -> None:
    assert path_of(("pg_catalog", "app", "public", "other"), COPIES) == (
        "pg_catalog", "s1", "app", "public", "s2", "other",
    )  # fmt: skip
    temporary = {("app", "a"): "pg_temp", ("other", "b"): "pg_temp"}
    assert path_of(("app", "other"), temporary) == ("pg_temp", "app", "other")


def test_an_index_of_a_copy() -> None:
    tree = cast(
        "Any", parse_one('create index concurrently if not exists "N" on only app."T" (lower(a) desc) where b').tree
    )
    text = redirect_index(tree, "new", "Place", "T")
    assert canonical(text) == canonical('create index new on only "Place"."T" (lower(a) desc) where b')
    whole = redirect_index(tree, "new", "pg_temp", "T", whole=True)
    assert canonical(whole) == canonical('create index new on pg_temp."T" (lower(a) desc) where b')
    assert tree.concurrent and tree.idxname == "N"  # it stays as it was
