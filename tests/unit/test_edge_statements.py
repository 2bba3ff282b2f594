"""What statements are, as far as it counts for where they go; and what of a client's messages can go elsewhere."""

from __future__ import annotations

import struct

import pytest

from postai.edge import wire
from postai.edge.pinning import Pinning
from postai.edge.pooling import Client
from postai.edge.sent import Server
from postai.edge.statements import KEPT_LENGTH, Shape, Shapes, text_and_types

SETTINGS = {b"standard_conforming_strings": b"on", b"client_encoding": b"UTF8"}
ERROR = wire.error_response("42501", "no", severity="ERROR")
READY = wire.message(b"Z", b"I")


def parse(name: bytes, text: bytes, *types: int) -> bytes:
    return wire.message(b"P", name + b"\0" + text + b"\0" + struct.pack(f"!h{len(types)}I", len(types), *types))


def bind(name: bytes) -> bytes:
    return wire.message(b"B", b"\0" + name + b"\0" + b"\0\0\0\0\0\0")


FLUSH = wire.message(b"H")
EXECUTE, SYNC = wire.message(b"E", b"\0\0\0\0\0"), wire.message(b"S")


def query(text: bytes) -> bytes:
    return wire.message(b"Q", text + b"\0")


@pytest.mark.parametrize(
    "text",
    ["begin read only", "START TRANSACTION READ ONLY", "begin isolation level repeatable read, read only",
     "begin read write, read only"],
)  # fmt: skip
def test_a_transaction_that_only_reads_begins(text: str) -> None:
    assert Shapes().of(text.encode()) == Shape(selects=False, begins=True)


@pytest.mark.parametrize(
    "text",
    ["begin", "begin read write", "begin read only, read write", "begin isolation level serializable, read only",
     "commit", "set transaction read only", "insert into a values (1)", "select 1; select 2", "", "selec 1", "show x",
     "explain select 1", "select pg_is_in_recovery()", "select 1 where pg_catalog.current_setting('x') = 'y'",
     "with a as (delete from b returning 1) select * from a; select 1"],
)  # fmt: skip
def test_everything_else_is_for_the_primary(text: str) -> None:
    assert Shapes().of(text.encode()) == Shape(selects=False, begins=False)


def test_texts_that_differ_in_values_only_are_one_shape() -> None:
    shapes = Shapes()
    one, two, text = (shapes.of(f"select a from b where c = {value}".encode()) for value in ("1", "22", "'x'"))
    assert one == two and one.selects and len(one.fingerprint) == 16
    # A text can be read as any type: what it means is asked by itself.
    assert text.fingerprint == one.fingerprint and text.key != one.key
    assert shapes.of(b"/* why */ SELECT a\n FROM  b WHERE c = 333 -- x").key == one.key
    assert shapes.of(b"\xff") == shapes.of(b"select 1 \xe4") == Shape(selects=False, begins=False)
    long = b"select 1 /*" + b"x" * KEPT_LENGTH + b"*/"
    assert shapes.of(long).selects and long not in shapes._kept


@pytest.mark.parametrize(
    ("one", "two"),
    [("select * from item10", "select * from item11"), ("select * from of_10.item", "select * from of_11.item"),
     ("select f(1)", "select f(1, 2)"), ("select f(a) from t", "select f(a, a) from t"),
     ("select x.f from (select a as f, b as g from t) as x", "select x.f from (select a as g, b as f from t) as x"),
     ("select a from t where b = $1", "select a from t where b = 1")],
)  # fmt: skip
def test_statements_that_may_read_something_else_are_not_one(one: str, two: str) -> None:
    """Libpg_query's fingerprints of most of these are equal."""
    shapes = Shapes()
    assert shapes.of(one.encode()).key != shapes.of(two.encode()).key


def test_the_types_of_parameters_are_read() -> None:
    assert text_and_types(b"select 1") == (b"select 1", ())
    assert text_and_types(parse(b"", b"select $1", 23, 4294967295)[6:]) == (b"select $1", (23, 4294967295))
    assert text_and_types(b"select $1\0\0\x09\0\0") == (b"select $1", ())


def test_the_statements_of_messages_are_told() -> None:
    client = Client(Pinning())
    client.take(query(b"select 1"))
    assert client.texts() == [b"select 1"]
    client.take(parse(b"p", b"select 2"))
    assert client.texts() is None  # more is to come
    client.take(bind(b"p") + EXECUTE + SYNC)
    assert client.texts() == [b"select 1", b"select 2\0\0\0", b"select 2\0\0\0"]
    other = Client(Pinning())
    other.take(bind(b"nothing") + EXECUTE + SYNC)
    assert other.texts() is None
    flushed = Client(Pinning())
    flushed.take(parse(b"", b"select 1") + bind(b"") + EXECUTE + SYNC + FLUSH)
    assert flushed.texts() == [b"select 1\0\0\0"] * 2 and not flushed.unfinished
    assert flushed.refuse(ERROR) == ERROR + READY
    flushed.take(parse(b"", b"select 1"))
    assert flushed.unfinished
    flushed.take(FLUSH)  # now it is answered before its end
    assert not flushed.unfinished and flushed.texts() is None
    third = Client(Pinning())
    third.take(wire.message(b"F", b"\0\0\0\0\0\0\0\0\0\0") + SYNC)
    assert third.texts() is None


def test_messages_are_refused_as_a_server_does_it() -> None:
    client = Client(Pinning())
    client.take(query(b"select 1") + parse(b"p", b"select 2") + bind(b"p") + EXECUTE + SYNC + SYNC)
    assert client.refuse(ERROR) == ERROR + READY + ERROR + READY + READY
    assert client.resting and client.texts() is None
    client.take(parse(b"p", b"select 2"))
    assert client.refuse(ERROR) is None
    client = Client(Pinning())
    client.take(query(b"select 1"))
    client.attach(Server(SETTINGS))
    client.give()
    assert (client.within, client.movable) == (False, False)
    client.take(query(b"update a set b = 1"))
    client.answer(wire.message(b"C", b"SELECT 1\0") + READY)
    assert (client.within, client.movable, client.lendable) == (False, True, False)
    client.detach()
    assert client.texts() == [b"update a set b = 1"]


def test_what_a_server_has_begun_stays_there() -> None:
    client = Client(Pinning())
    client.take(parse(b"", b"select 1") + bind(b"") + EXECUTE)
    client.attach(Server(SETTINGS))
    client.give()
    assert (client.within, client.movable) == (True, False)  # its Sync is still to come
    client.take(SYNC)
    client.give()
    assert (client.within, client.movable) == (False, False)
    client.answer(
        wire.message(b"1") + wire.message(b"2") + wire.message(b"C", b"SELECT 1\0") + wire.message(b"Z", b"T")
    )
    assert (client.within, client.movable) == (True, False)
