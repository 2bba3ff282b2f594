"""What is seen as one execution, and what as one whole result."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postai.edge import wire
from postai.edge.chunks import Chunk, is_result, named_key, read

EXECUTE = wire.message(b"E", b"\0" + bytes(4))
DESCRIBE = wire.message(b"D", b"P\0")
SYNC = wire.message(b"S")
END = DESCRIBE + EXECUTE + SYNC
KNOWN = {b"s1": b"select $1\0\0\0"}


def query(text: bytes) -> bytes:
    return wire.message(b"Q", text + b"\0")


def parse(text: bytes, *types: int, name: bytes = b"") -> bytes:
    return wire.message(b"P", name + b"\0" + text + b"\0" + struct.pack(f"!H{len(types)}I", len(types), *types))


def bind(
    *values: bytes | None, name: bytes = b"", formats: tuple[int, ...] = (), results: tuple[int, ...] = ()
) -> bytes:
    body = b"".join(struct.pack("!i", -1) if one is None else struct.pack("!i", len(one)) + one for one in values)
    counted = struct.pack("!H", len(values)) + body
    return wire.message(b"B", b"\0" + name + b"\0" + codes(formats) + counted + codes(results))


def codes(formats: tuple[int, ...]) -> bytes:
    return struct.pack(f"!H{len(formats)}H", len(formats), *formats)


def look(data: bytes) -> Chunk | None:
    return read(data, KNOWN.get)


def test_a_query() -> None:
    found = look(query(b"select 1"))
    assert found == Chunk(query(b"select 1"), b"select 1", simple=True)
    assert (found.text, found.types, found.unnamed) == (b"select 1", (), None)


def test_an_unnamed_statement() -> None:
    data = parse(b"select $1, $2", 23, 0) + bind(b"1", None, formats=(1,), results=(1, 0)) + END
    found = look(data)
    assert found is not None and found.key == data
    assert (found.text, found.types) == (b"select $1, $2", (23, 0))
    assert (found.values, found.formats) == ((b"1", None), (1, 1))
    assert found.unnamed == parse(b"select $1, $2", 23, 0)[6:]
    assert look(data.replace(DESCRIBE, b"")) is not None


def test_a_named_statement_is_found_by_its_meaning_whatever_its_name_is() -> None:
    first = read(bind(b"1", name=b"s1") + END, {b"s1": b"select $1\0\0\0"}.get)
    second = read(bind(b"1", name=b"another") + END, {b"another": b"select $1\0\0\0"}.get)
    assert first is not None and second is not None and first.named
    assert first.key == second.key and first.meaning == b"select $1\0\0\0"
    assert named_key(bind(b"1", name=b"s1") + END, KNOWN.get) == first.key
    unnamed = read(bind(b"1") + END, {b"": b"select $1\0\0\0"}.get)
    assert unnamed is not None and unnamed.key == first.key and unnamed.named
    other = read(bind(b"2", name=b"s1") + END, KNOWN.get)
    assert other is not None and other.key != first.key


def test_some_rows_of_a_result() -> None:
    data = bind(b"1", name=b"s1")
    flush = wire.message(b"H")
    assert look(data + flush + DESCRIBE + flush + EXECUTE + flush + SYNC) is not None
    some, every = look(data + wire.message(b"E", b"\0\0\0\0\1") + SYNC), look(data + EXECUTE + SYNC)
    assert some is not None and every is not None and some.key != every.key
    assert (some.limit, every.limit) == (b"\0\0\0\1", bytes(4))


def test_a_length_that_does_not_fit_gives_another_key() -> None:
    data = bind(b"1", name=b"s1") + END
    broken = data[:1] + struct.pack("!i", struct.unpack("!i", data[1:5])[0] - 1) + data[5:]
    assert named_key(broken, KNOWN.get) != named_key(data, KNOWN.get)
    assert look(broken) is None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"Q", query(b"select 1") + query(b"select 2"), query(b"select 1") + SYNC, query(b"select 1")[:-1],
        wire.message(b"Q", b"select 1"), wire.message(b"Q", b"a\0b\0"), wire.message(b"Q", b""),
        parse(b"x") + SYNC, parse(b"x") + bind() + EXECUTE, parse(b"x") + bind() + END + SYNC,
        parse(b"x", name=b"s1") + bind(name=b"s1") + END, parse(b"x") + bind(name=b"s1") + END,
        parse(b"x") + bind() + wire.message(b"E", b"\0\xff\0\0\1") + SYNC,
        parse(b"x") + bind() + wire.message(b"E", b"p\0\0\0\0\0") + SYNC,
        parse(b"x") + bind() + wire.message(b"D", b"S\0") + EXECUTE + SYNC,
        parse(b"x") + bind() + EXECUTE + wire.message(b"H"), bind(b"1") + END, bind(b"1", name=b"nobody") + END,
        bind(b"1", name=b"s1") + END + END, wire.message(b"B", b"p\0s1\0" + bytes(6)) + END,
        parse(b"x") + bind(b"1", formats=(2,)) + END, parse(b"x") + bind(b"1", formats=(0, 0)) + END,
        parse(b"x") + wire.message(b"B", b"\0\0\0\0\0\1\0\0\0\5abc\0\0") + END,
        parse(b"x") + wire.message(b"B", b"\0\0\0\0\0\1\xff\xff\xff\xfe\0\0") + END,
        parse(b"x") + wire.message(b"B", b"\0\0\0\0\0\0\0\0\0") + END, wire.message(b"P", b"\0x\0\0\1") + bind() + END,
        wire.message(b"X"), wire.message(b"F", bytes(10)), query(b"x" * 70_000),
    ],
)  # fmt: skip
def test_what_is_no_single_execution(data: bytes) -> None:
    assert look(data) is None


PARTS = st.sampled_from(
    [query(b"select 1"), parse(b"select 1"), bind(), bind(b"1", name=b"s1"), DESCRIBE, EXECUTE, SYNC, b"\0", b"B"]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PARTS, max_size=6).map(b"".join), st.integers(0, 80), st.binary(max_size=3))
def test_any_bytes_are_read_without_an_error(data: bytes, at: int, junk: bytes) -> None:
    spoilt = data[:at] + junk + data[at + len(junk) :]
    found = look(spoilt)
    if spoilt[:1] == b"B":
        key = named_key(spoilt + bytes(8), KNOWN.get)
        assert key is None or isinstance(key, tuple)
    if found is None:
        return
    # What is taken for an execution is one for the framer of the protocol too: nothing is left over.
    framer = wire.Framer(wire.FRONTEND, frozenset(b"QPBDESH"))
    kinds = bytes(kind for kind, _ in framer.feed(spoilt))
    assert framer.between and framer.broken is None
    assert kinds.replace(b"H", b"") in (b"Q", b"PBDES", b"PBES", b"BDES", b"BES")


ROW = wire.message(b"T", b"\0\0")
DATA = wire.message(b"D", b"\0\1\0\0\0\1x")
DONE = wire.message(b"C", b"SELECT 2\0")
READY = wire.message(b"Z", b"I")
PARSED, BOUND = wire.message(b"1"), wire.message(b"2")
SIMPLE = Chunk(b"Q", b"x", simple=True)
UNNAMED = Chunk(b"P", b"x\0\0\0")
NAMED = Chunk((b"x\0\0\0", b""), b"x\0\0\0", named=True)
SOME = Chunk((b"x\0\0\0", b""), b"x\0\0\0", named=True, limit=b"\0\0\0\1")


@pytest.mark.parametrize(
    ("reply", "chunk"),
    [
        (ROW + DATA + DATA + DONE + READY, SIMPLE), (ROW + DONE + READY, SIMPLE),
        (PARSED + BOUND + ROW + DATA + DONE + READY, UNNAMED), (PARSED + BOUND + DATA + DONE + READY, UNNAMED),
        (BOUND + ROW + DATA + DONE + READY, NAMED), (BOUND + DONE + READY, NAMED),
        (BOUND + ROW + DATA + DONE + READY, SOME), (BOUND + DATA + wire.message(b"s") + READY, SOME),
    ],
)  # fmt: skip
def test_whole_results(reply: bytes, chunk: Chunk) -> None:
    assert is_result(reply, chunk)
    for at in range(len(reply)):
        assert not is_result(reply[:at], chunk)


@pytest.mark.parametrize(
    ("reply", "chunk"),
    [
        (DATA + DONE + READY, SIMPLE), (ROW + DATA + DONE + wire.message(b"Z", b"T"), SIMPLE),
        (ROW + DONE + ROW + DONE + READY, SIMPLE), (wire.message(b"C", b"INSERT 0 1\0") + READY, SIMPLE),
        (ROW + wire.message(b"N", b"\0") + DONE + READY, SIMPLE),
        (ROW + DONE + wire.message(b"S", b"a\0b\0") + READY, SIMPLE),
        (wire.message(b"E", b"\0") + READY, SIMPLE), (ROW + DATA + wire.message(b"E", b"\0") + READY, SIMPLE),
        (wire.message(b"A", b"\0\0\0\1a\0\0") + ROW + DONE + READY, SIMPLE), (wire.message(b"I") + READY, SIMPLE),
        (ROW + DONE + READY + wire.message(b"A", b"\0\0\0\1a\0\0"), SIMPLE),
        (BOUND + DONE + READY, UNNAMED), (PARSED + BOUND + DONE + READY, NAMED),
        (PARSED + BOUND + wire.message(b"n") + DONE + READY, UNNAMED),
        (PARSED + BOUND + ROW + wire.message(b"s") + READY, UNNAMED), (b"", NAMED),
        (ROW + b"D\xff\xff\xff\xff" + DONE + READY, SIMPLE), (ROW + b"D\0\0\0\0" + DONE + READY, SIMPLE),
    ],
)  # fmt: skip
def test_what_is_no_whole_result(reply: bytes, chunk: Chunk) -> None:
    assert not is_result(reply, chunk)
