"""Statements in whose place a cache table is read: their texts, what servers say of them, and when they are sent."""

from __future__ import annotations

import struct

import pytest

from postai.edge import wire
from postai.edge.instead import columns, describe, order, plain, statement
from postai.edge.pinning import Pinning
from postai.edge.pooling import Client
from postai.edge.rules import Policy, Rule
from postai.edge.sent import Server

SETTINGS = {b"standard_conforming_strings": b"on", b"client_encoding": b"UTF8"}
READY = wire.message(b"Z", b"I")


@pytest.mark.parametrize("text", ["select 1", " select 1 ;\n", "/* postai.route */ select 1;", "select 1;;  "])
def test_what_stands_around_a_statement(text: str) -> None:
    assert plain(text.encode()) == b"select 1"


def test_names_are_quoted() -> None:
    assert statement('a "b"; drop') == b'select * from postai_cache."a ""b""; drop"'


def test_of_several_rules_the_most_specific_holds() -> None:
    policy = Policy.of(
        [
            Rule("user", user="ada", fingerprint="x", text="select 1;", cache_table="b"),
            Rule("all", fingerprint="x", text="select 1", cache_table="a"),
            Rule("other", ttl=1.0, text="select 2"),
        ]
    )
    assert {text: rule.name for text, rule in policy.tables.items()} == {b"select 1": "user"}
    assert not policy.by_statement or policy.ttl(frozenset(), "x") is not None


def described(*names: bytes) -> bytes:
    body = b"".join(name + b"\0" + struct.pack("!IHIhih", 1, 2, 25, -1, -1, 0) for name in names)
    return wire.message(b"T", struct.pack("!H", len(names)) + body)


def test_what_a_server_says_of_columns() -> None:
    begin, end = wire.message(b"1") + wire.message(b"t", b"\0\0"), READY
    assert columns(begin + described(b"a", b"b") + end) == ((b"a", 25, -1), (b"b", 25, -1))
    assert columns(begin + wire.message(b"n") + end) == "it gives no rows"
    assert columns(wire.message(b"1") + wire.message(b"t", b"\0\1\0\0\0\x17") + end) == "it has parameters"
    assert columns(wire.error_response("42P01", "it is not there") + end) == "it is not there"
    assert describe(b"select 1").startswith(b"P") and describe(b"select 1").endswith(wire.message(b"S"))


def test_the_order_of_a_statement_is_that_of_its_columns() -> None:
    found = ((b"a", 23, -1), (b"B", 25, -1), (b"c", 25, -1), (b"c", 25, -1))
    assert order(b"select * from t", found) == b""
    assert order(b'select * from t order by "B" desc nulls last, 1, a asc limit 3', found) == (
        b" order by 2 desc nulls last, 1, 1"
    )
    for text in (b"b", b"c", b"lower(a)", b"t.a", b"9", b"a using operator(pg_catalog.<)"):
        assert order(b"select * from t order by " + text, found) is None
    assert order(b"insert into t values (1)", found) is None and order(b"select (", found) is None


def client() -> Client:
    made = Client(Pinning())
    made.instead = lambda text: b"select 2" if plain(text) == b"select 1" else None
    return made


def given(one: Client, server: Server, *messages: bytes) -> bytes:
    one.take(b"".join(messages))
    first = one.attach(server)
    return first + one.give()


def parse(name: bytes, text: bytes) -> bytes:
    return wire.message(b"P", name + b"\0" + text + b"\0\0\0")


def bind(name: bytes) -> bytes:
    return wire.message(b"B", b"\0" + name + b"\0\0\0\0\0\0\0")


RUN = wire.message(b"E", b"\0\0\0\0\0") + wire.message(b"S")


def test_another_statement_is_sent() -> None:
    query = wire.message(b"Q", b"select 1;\0")
    assert given(client(), Server(SETTINGS), query) == wire.message(b"Q", b"select 2\0")
    one = client()
    server = Server(SETTINGS)
    out = given(one, server, parse(b"", b"select 1"), bind(b""), RUN)
    assert out == parse(b"", b"select 2") + bind(b"") + RUN
    one.answer(wire.message(b"1") + wire.message(b"2") + wire.message(b"C", b"SELECT 0\0") + READY)
    one.detach()
    assert given(one, server, bind(b""), RUN) == bind(b"") + RUN
    assert one.meaning(b"") == b"select 1\0\0\0" and one.sent_instead == b"select 2"


def test_a_prepared_statement_is_another_one_only_while_it_is_so() -> None:
    one, server = client(), Server(SETTINGS)
    out = given(one, server, parse(b"p", b"select 1"), wire.message(b"S"))
    assert b"select 1" in out
    one.answer(wire.message(b"1") + READY)
    one.detach()
    out = given(one, server, bind(b"p"), RUN)
    assert b"select 2" in out
    one.answer(wire.message(b"1") + wire.message(b"2") + wire.message(b"C", b"SELECT 0\0") + READY)
    one.detach()
    one.instead = None
    out = given(one, server, bind(b"p"), RUN)
    assert b"select 2" not in out and out.startswith(b"B")


def test_nothing_else_is_sent_where_more_than_the_statement_decides_what_is_seen() -> None:
    query = wire.message(b"Q", b"select 1\0")
    write = wire.message(b"Q", b"insert into t values (1)\0")
    assert given(client(), Server(SETTINGS), write, query) == write + query
    batch = parse(b"", b"insert into t values (1)") + bind(b"") + wire.message(b"E", b"\0\0\0\0\0")
    assert b"select 2" not in given(client(), Server(SETTINGS), batch, parse(b"", b"select 1"), bind(b""), RUN)
    one, server = client(), Server(SETTINGS)
    given(one, server, wire.message(b"Q", b"begin\0"))
    one.answer(wire.message(b"C", b"BEGIN\0") + wire.message(b"Z", b"T"))
    one.take(query)
    assert one.give() == query
    typed = wire.message(b"P", b"\0select 1\0" + struct.pack("!HI", 1, 23))
    assert b"select 2" not in given(client(), Server(SETTINGS), typed, bind(b""), RUN)
