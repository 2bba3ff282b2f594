"""Which texts the edge parses, and what it makes of long ones before."""

from __future__ import annotations

import pytest

from postai.edge.pinning import TOO_LONG, Pinning
from postai.edge.texts import LONGEST, brief, legible


@pytest.mark.parametrize(
    "text",
    [
        b"/*" * 30_000,
        b"/*" * 10_000 + b"*/" * 10_000 + b"select 1",
        b"select 1 " + b"/**/" * 20_000,
        b"select " + b"+-" * 20_000 + b"1",
        b"select 1 " + b"*/" * 20_000,
        b"select " + b",".join(b"f%d()" % n for n in range(10_000)),
    ],
)
def test_what_would_take_the_parser_minutes_is_not_parsed(text: bytes) -> None:
    assert Pinning().find(text).reason == TOO_LONG


@pytest.mark.parametrize(
    "text",
    [
        b"select 1 -- " + b"=" * 100 + b"\n",
        b"/" + b"*" * 100 + b" what it does " + b"*" * 100 + b"/ select 1",
        b"select 1" + b" /* one */, /* other */ 2" * 50,
        b"select '" + b"/" * 50_000 + b"'",
    ],
)
def test_what_people_write_is_parsed(text: bytes) -> None:
    assert legible(text)
    assert Pinning().find(text).reason is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"(%d, 'it''s -- no /* comment', 3.14, now(), null)", None),
        (b"(%d, 'she said \"no\"', E'a', -5, ($1, $2))", None),
        (b"(%d, nextval('s'), 1, 2)", "the function nextval"),
        (b"(%d, 1 + own.f(2, 3))", "the function own.f"),
        (b"(%d, 1 operator(own.+) 2)", "the operator own.+"),
        (b"(%d, f1())", "the function f1"),
    ],
)
def test_many_rows_come_down_to_few(row: bytes, reason: str | None) -> None:
    rows = b", ".join(row % (n,) if n % 7 else (row % (n,)).replace(b"(", b"(-", 1) for n in range(1, 15_000))
    for text in (b"insert into t values " + rows, b"insert into t values " + rows + b" on conflict do nothing"):
        assert len(brief(text)) < 1000 < LONGEST < len(text)
        assert Pinning().find(text).reason == reason


def test_what_is_left_out_tells_nothing_new() -> None:
    many = b", ".join(b"(%d)" % n for n in range(20_000))
    for last, reason in (
        (b"; set work_mem = '1MB'", "SET work_mem"),
        (b"; select set_config('search_path', 'x', false)", TOO_LONG),
        (b"; create table pg_temp.x (a int)", TOO_LONG),
        (b"; create temp table x (a int)", "a temporary relation"),
        (b" returning f(1)", "the function f"),
        (b", (f(g(1)))", "the function f"),
        (b", (f(g(h(1))))", "the function f"),
        (b", ((select 1 from pg_advisory_lock(1)))", "the function pg_advisory_lock"),
        (b" -- comment", TOO_LONG),
        (rb", (E'a\', f(), \'')", TOO_LONG),
        (b", ('a', f(), 'b')", "the function f"),
        (b", ($a$ ' $a$, f(), $a$ ' $a$)", TOO_LONG),
        (b', (" \' ", f(), " \' ")', TOO_LONG),
    ):
        assert Pinning().find(b"insert into t values " + many + last).reason == reason, last
