"""The protocol's framing: any split of the bytes gives the same messages, and garbage is met as the server meets it."""

import contextlib
import itertools
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.edge import wire
from postai.edge.wire import BACKEND, FRONTEND, LARGE, SMALL, Framer, Malformed, Violation

LENGTH = struct.Struct("!i")
WHOLE = frozenset(b"QPBDECSX")
HELD = 64
BOTH = frozenset({wire.SSL_REQUEST, wire.GSSENC_REQUEST})

Pieces = list[tuple[int, bytes]]


def feed(data: bytes, cuts: list[int]) -> tuple[Pieces, Framer]:
    """The pieces of data that is fed in parts."""
    framer = Framer(FRONTEND, WHOLE, HELD)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [piece for start, end in itertools.pairwise(places) for piece in framer.feed(data[start:end])]
    return pieces, framer


def joined(pieces: Pieces) -> Pieces:
    """The same with neighbouring bytes that flow through as one piece."""
    found: Pieces = []
    for kind, data in pieces:
        if found and kind == found[-1][0] == 0:
            found[-1] = (0, found[-1][1] + data)
        else:
            found.append((kind, data))
    return found


MESSAGES = st.builds(
    lambda kind, body: wire.message(bytes((kind,)), body), st.sampled_from(sorted(FRONTEND)), st.binary(max_size=150)
)
CUTS = st.lists(st.integers(0, 4000), max_size=12)


@given(st.lists(MESSAGES, max_size=12), CUTS)
def test_any_split_gives_the_same_messages(messages: list[bytes], cuts: list[int]) -> None:
    data = b"".join(messages)
    pieces, framer = feed(data, cuts)
    assert framer.broken is None
    assert framer.between
    assert joined(pieces) == joined(feed(data, [])[0])
    assert b"".join(piece for _, piece in pieces) == data
    short = [message for message in messages if message[0] in WHOLE and len(message) <= HELD]
    assert [piece for kind, piece in pieces if kind > 0] == short
    heads = [message[:HELD] for message in messages if message[0] in WHOLE and len(message) > HELD]
    assert [piece for kind, piece in pieces if kind < 0] == heads


@given(st.lists(st.one_of(MESSAGES, st.binary(max_size=40)), max_size=6).map(b"".join), CUTS)
def test_garbage_is_refused_at_the_same_place_however_it_is_split(data: bytes, cuts: list[int]) -> None:
    pieces, framer = feed(data, cuts)
    one_pieces, one_framer = feed(data, [])
    assert joined(pieces) == joined(one_pieces)
    assert str(framer.broken) == str(one_framer.broken)
    assert data.startswith(b"".join(piece for _, piece in pieces))
    if framer.broken is not None:
        assert framer.feed(b"Q\0\0\0\5\0") == []


def fuzz(cases: int, seed: int) -> None:
    """Messages with bytes changed, cut off, put in, in every framer and every split."""
    chance = random.Random(seed)
    types = sorted(FRONTEND) + sorted(BACKEND)
    for _ in range(cases):
        data = bytearray()
        for _ in range(chance.randrange(4)):
            data += wire.message(bytes((chance.choice(types),)), chance.randbytes(chance.randrange(12)))
        for _ in range(chance.randrange(3)):
            if data:
                data[chance.randrange(len(data))] = chance.choice((0, 4, 255, chance.randrange(256)))
        data = data[: chance.randrange(len(data) + 1)] if chance.random() < 0.3 else data
        framer = Framer(chance.choice((FRONTEND, BACKEND)), WHOLE, 16)
        at, told = 0, 0
        while at < len(data):
            step = chance.randrange(1, 12)
            told += sum(len(piece) for _, piece in framer.feed(bytes(data[at : at + step])))
            at += step
        assert told <= len(data)
        assert framer.broken is not None or len(data) - told < 16 + wire.HEADER
        with contextlib.suppress(Violation, Malformed):
            wire.parse_startup(bytes(data[:60]).ljust(4, b"\0"), encryption=BOTH)


def test_a_thousand_broken_streams() -> None:
    fuzz(1000, seed=1)


@pytest.mark.soak
def test_a_million_broken_streams() -> None:
    fuzz(1_000_000, seed=2)


def test_what_flows_through_is_never_held() -> None:
    framer = Framer(FRONTEND, WHOLE, HELD)
    head = b"d" + LENGTH.pack(LARGE)
    assert framer.feed(head) == [(0, head)]
    part = bytes(1 << 20)
    for _ in range(50):
        assert framer.feed(part) == [(0, part)]
    assert not framer.between


@pytest.mark.parametrize(
    ("kind", "length", "taken"),
    [
        (b"Q", LARGE, True), (b"Q", LARGE + 1, False), (b"d", LARGE, True), (b"S", SMALL, True),
        (b"S", SMALL + 1, False), (b"X", 4, True), (b"X", 3, False), (b"Q", -1, False), (b"E", 0x7FFFFFFF, False),
    ],
)  # fmt: skip
def test_lengths_are_those_of_the_server(kind: bytes, length: int, taken: bool) -> None:
    framer = Framer(FRONTEND, WHOLE, HELD)
    framer.feed(kind + LENGTH.pack(length))
    assert (framer.broken is None) == taken
    assert taken or isinstance(framer.broken, Malformed)


def test_an_unknown_type_is_answered_and_what_came_before_is_kept() -> None:
    framer = Framer(FRONTEND, WHOLE, HELD)
    sync = wire.message(b"S")
    assert framer.feed(sync + b"zzzzz") == [(ord("S"), sync)]
    assert isinstance(framer.broken, Violation)
    fields = wire.parse_error(framer.broken.response()[5:])
    assert (fields["S"], fields["C"], fields["M"]) == ("FATAL", "08P01", "invalid frontend message type 122")


def test_startup_packets() -> None:
    packet = wire.startup_packet(wire.VERSION_3_2, {"user": "ada", "database": "", "_pq_.x": "1"})
    found = wire.parse_startup(packet[4:])
    assert isinstance(found, wire.Startup)
    assert (found.version, found.user, found.database) == (wire.VERSION_3_2, "ada", "ada")
    assert found.unknown_options == ("_pq_.x",)
    assert found.packet == packet
    raw = wire.startup_packet(wire.VERSION_3_0, {"user": b"\xff\xfe".decode("utf-8", "surrogateescape")})
    again = wire.parse_startup(raw[4:])
    assert isinstance(again, wire.Startup)
    assert wire.startup_packet(again.version, again.parameters) == raw


@pytest.mark.parametrize("length", [0, 7, 10_005, 1 << 30, 0x7FFFFFFF])
def test_a_startup_packet_of_a_wrong_length_is_not_read(length: int) -> None:
    with pytest.raises(Malformed):
        wire.startup_length(LENGTH.pack(length))


@pytest.mark.parametrize(
    ("body", "sqlstate"),
    [
        (b"\0\3\0\0", "08P01"), (b"\0\3\0\0user\0ada\0", "08P01"), (b"\0\3\0\0user\0ada\0\0x", "08P01"),
        (b"\0\3\0\0\0", "28000"), (b"\0\3\0\0user\0\0\0", "28000"), (b"\0\2\0\0\0", "0A000"), (b"\0\4\0\0\0", "0A000"),
        (b"\x04\xd2\x16\x2f", "0A000"),
    ],
)  # fmt: skip
def test_malformed_startup_packets_are_answered(body: bytes, sqlstate: str) -> None:
    with pytest.raises(Violation) as caught:
        wire.parse_startup(body)
    assert caught.value.sqlstate == sqlstate


def test_cancel_requests_with_short_and_long_keys() -> None:
    for secret in (b"1234", bytes(range(32)), bytes(256)):
        packet = wire.cancel_packet(b"\0\0\1\2" + secret)
        assert wire.parse_startup(packet[4:]) == wire.Cancel(b"\0\0\1\2" + secret)
    for secret in (b"", bytes(257)):
        with pytest.raises(Malformed):
            wire.parse_startup(wire.cancel_packet(b"\0\0\1\2" + secret)[4:])


def test_requests_for_encryption() -> None:
    assert wire.parse_startup(wire.encryption_packet()[4:], encryption=BOTH) == wire.Encryption(wire.SSL_REQUEST)
    gss = wire.encryption_packet(wire.GSSENC_REQUEST)[4:]
    assert wire.parse_startup(gss, encryption=BOTH) == wire.Encryption(wire.GSSENC_REQUEST)
