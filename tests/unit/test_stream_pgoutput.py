"""The decoder of pgoutput, and what is put together from its messages."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.stream.pgoutput import (
    UNCHANGED,
    Begin,
    Column,
    Commit,
    Delete,
    Insert,
    Malformed,
    Message,
    Origin,
    Relation,
    Row,
    Truncate,
    Type,
    Update,
    Value,
    decode,
)
from postai.stream.transactions import CONTENT, MESSAGES, ROWS, Assembly, Transaction

OIDS = st.integers(0, 2**32 - 1)
LSNS = st.integers(0, 2**64 - 1)
NAMES = st.binary(max_size=8).map(lambda name: name.replace(b"\0", b""))
VALUES = st.one_of(st.none(), st.just(UNCHANGED), st.binary(max_size=20))
ROW = st.lists(VALUES, max_size=5)
COLUMNS = st.lists(st.builds(Column, NAMES, OIDS, st.booleans()), max_size=5).map(tuple)


def row(values: list[Value]) -> bytes:
    """A row as the server writes it."""
    text = struct.pack("!h", len(values))
    for value in values:
        text += b"n" if value is None else b"u" if value is UNCHANGED else b"t" + struct.pack("!i", len(value)) + value
    return text


def change(kind: bytes, oid: int, *parts: tuple[bytes, list[Value]]) -> bytes:
    return kind + struct.pack("!I", oid) + b"".join(mark + row(values) for mark, values in parts)


def relation(one: Relation) -> bytes:
    columns = b"".join(
        bytes([column.key]) + column.name + b"\0" + struct.pack("!Ii", column.type_oid, -1) for column in one.columns
    )
    head = b"R" + struct.pack("!I", one.oid) + one.schema + b"\0" + one.name + b"\0" + one.identity.encode()
    return head + struct.pack("!h", len(one.columns)) + columns


def all_of(one: Row | None) -> list[Value] | None:
    return None if one is None else list(one.values(range(one.count)))


SENT = st.one_of(
    st.builds(lambda lsn, xid: b"B" + struct.pack("!QqI", lsn, 5, xid), LSNS, OIDS),
    st.builds(lambda lsn, end: b"C" + struct.pack("!BQQq", 0, lsn, end, 5), LSNS, LSNS),
    st.builds(lambda lsn, name: b"O" + struct.pack("!Q", lsn) + name + b"\0", LSNS, NAMES),
    st.builds(relation, st.builds(Relation, OIDS, NAMES, NAMES, st.sampled_from("dnfi"), COLUMNS)),
    st.builds(lambda oid, new: change(b"I", oid, (b"N", new)), OIDS, ROW),
    st.builds(lambda oid, new: change(b"U", oid, (b"N", new)), OIDS, ROW),
    st.builds(lambda oid, mark, old, new: change(b"U", oid, (mark, old), (b"N", new)),
              OIDS, st.sampled_from([b"K", b"O"]), ROW, ROW),
    st.builds(lambda oid, mark, old: change(b"D", oid, (mark, old)), OIDS, st.sampled_from([b"K", b"O"]), ROW),
    st.builds(lambda oids: b"T" + struct.pack(f"!iB{len(oids)}I", len(oids), 3, *oids), st.lists(OIDS, max_size=4)),
    st.builds(lambda kind, lsn, name, text: b"M" + struct.pack("!BQ", kind, lsn) + name + b"\0"
              + struct.pack("!i", len(text)) + text, st.integers(0, 1), LSNS, NAMES, st.binary(max_size=20)),
)  # fmt: skip


def test_each_message_reads_as_it_was_written() -> None:
    assert decode(b"B" + struct.pack("!QqI", 16, 0, 2**32 - 1)) == Begin(2**32 - 1, 16)
    assert decode(b"C" + struct.pack("!BQQq", 0, 16, 32, 0)) == Commit(16, 32)
    assert decode(b"O" + struct.pack("!Q", 7) + b"far\0") == Origin(7, b"far")
    assert decode(b"Y" + struct.pack("!I", 9) + b"public\0mood\0") == Type(9, b"public", b"mood")
    assert decode(b"T" + struct.pack("!iB2I", 2, 1, 5, 6)) == Truncate((5, 6), True, False)
    text = b"M" + struct.pack("!BQ", 1, 8) + b"postai.edge\0" + struct.pack("!i", 3) + b"ddl"
    assert decode(text) == Message(b"postai.edge", b"ddl", True, 8)
    table = Relation(5, b"public", b"t", "d", (Column(b"id", 23, True), Column(b"v", 25, False)))
    assert decode(relation(table)) == table


@given(OIDS, ROW, ROW)
def test_rows_read_as_they_were_written(oid: int, old: list[Value], new: list[Value]) -> None:
    inserted = decode(change(b"I", oid, (b"N", new)))
    assert isinstance(inserted, Insert) and inserted.relation == oid and all_of(inserted.new) == new
    moved = decode(change(b"U", oid, (b"K", old), (b"N", new)))
    assert isinstance(moved, Update) and moved.old is None
    assert (all_of(moved.old_key), all_of(moved.new)) == (old, new)
    full = decode(change(b"U", oid, (b"O", old), (b"N", new)))
    assert isinstance(full, Update) and (all_of(full.old), full.old_key) == (old, None)
    gone = decode(change(b"D", oid, (b"K", old)))
    assert isinstance(gone, Delete) and (gone.old, all_of(gone.old_key)) == (None, old)
    if new:
        assert inserted.new.values([len(new) - 1]) == (new[-1],)


@given(SENT, st.data())
def test_what_is_cut_off_or_goes_on_is_malformed(message: bytes, data: st.DataObject) -> None:
    decode(message)
    with pytest.raises(Malformed):
        decode(message[: data.draw(st.integers(0, len(message) - 1))])
    with pytest.raises(Malformed):
        decode(message + data.draw(st.binary(min_size=1, max_size=3)))


@given(st.one_of(st.binary(max_size=60), st.builds(lambda kind, rest: kind + rest, st.sampled_from(
    [b"B", b"C", b"O", b"R", b"Y", b"I", b"U", b"D", b"T", b"M"]), st.binary(max_size=60))))  # fmt: skip
def test_garbage_is_malformed_and_nothing_else(garbage: bytes) -> None:
    assembly = Assembly()
    with contextlib.suppress(Malformed):
        assembly.feed(decode(garbage))


def test_a_row_has_no_columns_but_its_own() -> None:
    inserted = decode(change(b"I", 5, (b"N", [b"1"])))
    assert isinstance(inserted, Insert)
    for wanted in ([1], [-1], [0, 0]):
        with pytest.raises(Malformed):
            inserted.new.values(wanted)


TABLE = Relation(5, b"public", b"t", "d", (Column(b"id", 23, True), Column(b"v", 25, False)))


def assembled(*messages: bytes, table: Relation = TABLE, keys: dict[int, tuple[str, ...]] | None = None) -> Transaction:
    """The one transaction of these changes."""
    assembly = Assembly(keys)
    sent = [
        b"B" + struct.pack("!QqI", 10, 0, 77),
        relation(table),
        *messages,
        b"C" + struct.pack("!BQQq", 0, 10, 20, 0),
    ]
    *others, last = [assembly.feed(decode(one)) for one in sent]
    assert not any(others) and last is not None
    return last


def test_old_and_new_keys_are_told() -> None:
    found = assembled(
        change(b"I", 5, (b"N", [b"1", b"a"])), change(b"U", 5, (b"N", [b"2", b"b"])),
        change(b"U", 5, (b"K", [b"3", None]), (b"N", [b"4", b"c"])), change(b"D", 5, (b"K", [b"5", None])),
    )  # fmt: skip
    assert (found.xid, found.end_lsn) == (77, 20)
    assert found.rows == {5: {(b"1",), (b"2",), (b"3",), (b"4",), (b"5",)}}


def test_a_key_that_was_not_sent_again_is_the_old_one_or_unknown() -> None:
    moved = change(b"U", 5, (b"K", [b"3", None]), (b"N", [UNCHANGED, b"c"]))
    assert assembled(moved).rows == {5: {(b"3",)}}
    assert assembled(change(b"U", 5, (b"N", [UNCHANGED, b"c"]))).rows == {5: None}


def test_rows_are_not_told_apart_without_a_key_or_when_there_are_many() -> None:
    without = Relation(5, b"public", b"t", "n", (Column(b"id", 23, False),))
    assert assembled(change(b"I", 5, (b"N", [b"1"])), table=without).rows == {5: None}
    many = [change(b"I", 5, (b"N", [b"%d" % number, None])) for number in range(ROWS + 1)]
    assert assembled(*many[:-1]).rows[5] is not None
    assert assembled(*many).rows == {5: None}
    assert assembled(change(b"I", 5, (b"N", [b"1", None])), b"T" + struct.pack("!iB1I", 1, 0, 5)).rows == {5: None}
    # What comes after a TRUNCATE makes it no smaller.
    truncate = b"T" + struct.pack("!iB1I", 1, 0, 5)
    assert assembled(truncate, change(b"I", 5, (b"N", [b"1", None]))).rows == {5: None}


def test_a_full_identity_tells_rows_apart_by_the_columns_that_were_asked_for() -> None:
    full = Relation(5, b"public", b"t", "f", (Column(b"id", 23, True), Column(b"v", 25, True)))
    moved = change(b"U", 5, (b"O", [b"3", b"x"]), (b"N", [b"3", b"y"]))
    assert assembled(moved, table=full).rows == {5: None}
    assert assembled(moved, table=full, keys={5: ("v",)}).rows == {5: {(b"x",), (b"y",)}}
    assert assembled(moved, table=full, keys={5: ("v", "gone")}).rows == {5: None}


def test_a_changed_table_is_told() -> None:
    other = Relation(5, b"public", b"t", "d", (Column(b"v", 25, True), Column(b"id", 23, False)))
    found = assembled(relation(other), change(b"I", 5, (b"N", [b"1", b"a"])))
    assert found.redefined == {5}
    assert assembled(relation(TABLE)).redefined == frozenset()


def test_messages_out_of_order_are_malformed() -> None:
    begin, commit = b"B" + struct.pack("!QqI", 10, 0, 77), b"C" + struct.pack("!BQQq", 0, 10, 20, 0)
    for sent in ([commit], [begin, begin], [change(b"I", 5, (b"N", []))], [begin, change(b"I", 5, (b"N", []))]):
        assembly = Assembly()
        with pytest.raises(Malformed):
            for one in sent:
                assembly.feed(decode(one))


def test_a_message_without_a_transaction_comes_alone() -> None:
    text = b"M" + struct.pack("!BQ", 0, 8) + b"p\0" + struct.pack("!i", 1) + b"x"
    found = Assembly().feed(decode(text))
    assert found == Transaction(0, 8, {}, (Message(b"p", b"x", False, 8),))


def test_of_messages_that_anybody_writes_no_more_is_kept_than_is_needed() -> None:
    def told(prefix: bytes, content: bytes) -> bytes:
        return b"M" + struct.pack("!BQ", 1, 8) + prefix + b"\0" + struct.pack("!i", len(content)) + content

    begin, commit = b"B" + struct.pack("!QqI", 10, 0, 77), b"C" + struct.pack("!BQQq", 0, 10, 20, 0)
    assembly = Assembly(prefix=b"ours")
    for one in (begin, told(b"theirs", b"x"), *[told(b"ours", b"y" * 10_000)] * 3, told(b"ours", b"z")):
        assert assembly.feed(decode(one)) is None
    found = assembly.feed(decode(commit))
    assert found is not None and [one.content for one in found.messages] == [b"y" * CONTENT, b"z"]
    for number in range(-1, MESSAGES + 10):
        assembly.feed(decode(begin if number < 0 else told(b"ours", b"%d" % number)))
    found = assembly.feed(decode(commit))
    assert found is not None and len(found.messages) == MESSAGES + 1 and found.messages[-1].content == b""
