"""Clients that share server connections get, byte for byte, what they would get alone."""

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postai.edge import wire
from postai.edge.names import ABSENT
from postai.edge.pinning import KEPT_LENGTH, Finding, Pinning
from postai.edge.pooling import Client
from postai.edge.sent import Server
from postai.edge.wire import FRONTEND, Framer, Malformed, Violation

PINNING = Pinning()
LOGIN = {b"standard_conforming_strings": b"on", b"client_encoding": b"UTF8", b"DateStyle": b"ISO"}
SYNC = wire.message(b"S")

FREE = """
select count(*) from t where a = $1 and b between 1 and 2 | set local work_mem = '1MB' | notify x
set transaction isolation level serializable | declare c cursor for select 1 | select pg_advisory_xact_lock(1)
select set_config('a.b', 'c', true) | insert into t values (1) on conflict do nothing | copy t from stdin | begin
select set_config('search_path', 'shop', true) | select 1 = any (select 2) | select 1 in (select 2) order by 1 using <
create table t (a int) | select pg_backend_pid() | fetch 1 from c | rollback to a | truncate t | lock table t
"""
PINS = """
set a = 1 | create temp table a () | select 1 into temp x | declare c cursor with hold for select 1 | listen x
prepare a as select 1 | deallocate a | load 'x' | select pg_advisory_lock(1) | select set_config('a.b', 'c', false)
begin; set x = 1 | explain analyze execute x | create table t as execute x | do $$begin end$$ | call f() | reset all
set session characteristics as transaction read only | set local search_path = pg_temp | select f() | discard plans
select 1 === any (select 2) | select a from t order by a using === | select set_config($1, 'x', true)
select set_config('search_path', $1, true) | select set_config('search_path', 'shop, "PG_temp"', true)
set role x | set session authorization x | select 1 === 2 | select nextval('x') | create view pg_temp.v as select 1
"""


def texts(lines: str) -> list[str]:
    return [text.strip() for text in lines.replace("\n", "|").split("|") if text.strip()]


@pytest.mark.parametrize("text", texts(FREE))
def test_what_ends_with_its_transaction_is_free(text: str) -> None:
    assert PINNING.reason(text.encode()) is None


@pytest.mark.parametrize("text", [*texts(PINS), "selec", "select '\udcff'"])
def test_what_may_stay_behind_pins(text: str) -> None:
    assert PINNING.reason(text.encode("utf-8", "surrogateescape")) is not None


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("set a = 1", False),
        ("set a = 1; select f()", True),
        ("select pg_advisory_lock(1)", False),
        ("load 'x'", True),
        ("set role x", True),
    ],
)
def test_some_of_it_is_undone_by_discard_all(text: str, stays: bool) -> None:
    assert PINNING.find(text.encode()).stays == stays


def test_cursors_are_told_apart() -> None:
    pinning = Pinning()
    declare = 'declare "{}" cursor with hold for select {}'
    for number in ("1", "2"):
        assert pinning.find(declare.format(number, "a from t").encode()).held == number
        assert pinning.find(f'close "{number}"'.encode()).closed == number
    more = pinning.find(declare.format("3", "f()").encode())
    assert (more.reason, more.stays, more.held) == ("the function f", True, None)
    for text in (
        "close all",
        "close a; select 1",
        declare.format("1", "1") + "; select 1",
        "declare a cursor for select 1",
    ):
        found = pinning.find(text.encode())
        assert (found.held, found.closed) == (None, None)


def test_texts_that_differ_in_numbers_are_read_once_but_names_are_not_mixed_up() -> None:
    pinning = Pinning()
    free = pinning.find(b"select a from t where b = 12 and c = 'x1 2'")
    assert free == Finding(None)
    assert pinning.find(b"select a from t where b = 1 and c = 2") == Finding(None)
    assert pinning.find(b"select a from t where b = 3 and c = 4") is pinning.find(
        b"select a from t where b = 5 and c = 6"
    )
    assert pinning.reason(b"select md5('a')") is None
    assert pinning.reason(b"select md6('a')") is not None
    assert pinning.reason(b"select E'\\160'::regclass from pg_class") is None
    assert pinning.reason(b'select * from pg_temp."1"') is not None
    for number in range(6000):
        pinning.find(b"select %s" % (b"1" * (number % KEPT_LENGTH)))
    assert len(pinning._shapes) + len(pinning._texts) <= 2 * 5000


def described(meaning: bytes) -> bytes:
    """A RowDescription of one column that is named like the statement."""
    name = meaning.partition(b"\0")[0] + b"\0"
    return wire.message(b"T", b"\0\1" + name + struct.pack("!IHIhih", 1, 1, 23, 4, -1, 0))


class Session:
    """The protocol's rules about statements, batches and transactions, for texts "begin", "commit", "select ..."."""

    def __init__(self) -> None:
        self.framer = Framer(FRONTEND, frozenset(FRONTEND))
        self.names: dict[bytes, bytes] = {}
        self.portal: bytes | None = None
        self.status = b"I"
        self.skipping = False

    def feed(self, data: bytes) -> bytes:
        return b"".join(self.reply(chr(kind), message[5:]) for kind, message in self.framer.feed(data))

    def reply(self, kind: str, body: bytes) -> bytes:
        if kind == "S":
            self.skipping = False
            self.portal = None
            return self.ready()
        if self.skipping or kind == "H":
            return b""
        if kind == "Q":
            self.names.pop(b"", None)
            return self.run(body[:-1]) + self.ready()
        try:
            return {"P": self.parse, "B": self.bind, "D": self.describe, "E": self.execute, "C": self.close}[kind](body)
        except Violation as violation:
            self.skipping = True
            return wire.error_response(violation.sqlstate, violation.message, severity="ERROR")

    def ready(self) -> bytes:
        return wire.message(b"Z", self.status)

    def run(self, text: bytes) -> bytes:
        if not text:
            return wire.message(b"I")
        if text.startswith(b"deallocate"):
            return self.deallocate(text.split()[1])
        if text == b"discard all":
            return self.discard()
        if text.startswith(b"select bad"):
            return wire.error_response("42703", "bad", severity="ERROR")
        self.status = {b"begin": b"T", b"commit": b"I"}.get(text, self.status)
        return wire.message(b"C", text + b"\0")

    def discard(self) -> bytes:
        if self.status != b"I":
            return wire.error_response("25001", "DISCARD ALL cannot run inside a transaction block", severity="ERROR")
        self.names.clear()
        return wire.message(b"C", b"DISCARD ALL\0")

    def deallocate(self, name: bytes) -> bytes:
        if name == b"all":
            self.names.clear()
            return wire.message(b"C", b"DEALLOCATE ALL\0")
        if self.names.pop(name, None) is None:
            error = f'prepared statement "{name.decode()}" does not exist'
            return wire.error_response("26000", error, severity="ERROR")
        return wire.message(b"C", b"DEALLOCATE\0")

    def parse(self, body: bytes) -> bytes:
        name, _, meaning = body.partition(b"\0")
        if not name:
            self.names.pop(name, None)
        if meaning.startswith(b"select bad"):
            raise Violation("42703", "bad")
        if name in self.names:
            raise Violation("42P05", f'prepared statement "{name.decode()}" already exists')
        self.names[name] = meaning
        return wire.message(b"1")

    def found(self, name: bytes) -> bytes:
        if name not in self.names:
            if not name:
                raise Violation("26000", "unnamed prepared statement does not exist")
            raise Violation("26000", f'prepared statement "{name.decode()}" does not exist')
        return self.names[name]

    def bind(self, body: bytes) -> bytes:
        self.portal = self.found(body.split(b"\0")[1])
        return wire.message(b"2")

    def describe(self, body: bytes) -> bytes:
        if body == b"P\0":
            return described(self.portal or b"")
        return wire.message(b"t", b"\0\0") + described(self.found(body[1:-1]))

    def execute(self, _body: bytes) -> bytes:
        if self.portal is None:
            raise Violation("34000", "no portal")
        found = self.run(self.portal.partition(b"\0")[0])
        self.skipping = found.startswith(b"E")
        return found

    def close(self, body: bytes) -> bytes:
        self.names.pop(body[1:-1], None)
        return wire.message(b"3")


NAMES = st.sampled_from([b"", b"a", b"b", ABSENT])
TEXTS = st.sampled_from([b"select 1", b"select 2", b"select bad", b"begin", b"commit"])
STEPS = st.one_of(
    st.builds(lambda name, text: wire.message(b"P", name + b"\0" + text + b"\0\0\0"), NAMES, TEXTS),
    st.builds(lambda name: wire.message(b"B", b"\0" + name + b"\0\0\0\0\0\0\0"), NAMES),
    st.builds(lambda name: wire.message(b"D", b"S" + name + b"\0"), NAMES),
    st.builds(lambda name: wire.message(b"C", b"S" + name + b"\0"), NAMES),
    st.just(wire.message(b"E", b"\0\0\0\0\0")),
)
EXECUTE = wire.message(b"E", b"\0\0\0\0\0")
PARSES = st.one_of(
    st.just(b""),
    st.builds(lambda text: wire.message(b"P", b"\0" + text + b"\0\0\0"), st.one_of(TEXTS, st.just(b"discard all"))),
)
BINDS = st.builds(lambda name: wire.message(b"B", b"\0" + name + b"\0\0\0\0\0\0\0"), NAMES)
DESCRIBES = st.sampled_from([b"", wire.message(b"D", b"P\0")])
WHOLE = st.sampled_from([b"deallocate a", b"deallocate all", b"discard all"])
BATCHES = st.one_of(
    st.builds(lambda steps: b"".join(steps) + SYNC, st.lists(STEPS, max_size=6)),
    st.builds(lambda *parts: b"".join(parts) + EXECUTE + SYNC, PARSES, BINDS, DESCRIBES),
    st.builds(lambda text: wire.message(b"Q", text + b"\0"), st.one_of(TEXTS, WHOLE)),
    st.builds(
        lambda name: wire.message(b"P", name + b"\0select 1\0\0\0") + wire.message(b"D", b"S" + name + b"\0") + SYNC,
        NAMES,
    ),
)
SCRIPTS = st.lists(st.lists(BATCHES, max_size=6), min_size=3, max_size=3)


@settings(max_examples=300, deadline=None)
@given(SCRIPTS, st.integers(0, 1 << 30))
def test_shared_connections_answer_like_own_ones(scripts: list[list[bytes]], seed: int) -> None:
    chance = random.Random(seed)
    alone = [[session.feed(batch) for batch in script] for script in scripts for session in [Session()]]
    free = [(Session(), Server(LOGIN)) for _ in range(2)]
    clients = [Client(PINNING) for _ in scripts]
    holds: dict[int, tuple[Session, Server]] = {}
    got: list[list[bytes]] = [[] for _ in scripts]
    while waiting := [one for one in range(3) if len(got[one]) < len(scripts[one]) and (one in holds or free)]:
        one = chance.choice(waiting)
        client = clients[one]
        batch = scripts[one][len(got[one])]
        if one not in holds:
            holds[one] = free.pop(chance.randrange(len(free)))
            client.attach(holds[one][1])
        session, _ = holds[one]
        cut = chance.randrange(len(batch))
        out = b""
        short = client.quick(batch, holds[one][1]) if chance.random() < 0.6 else None
        for part in (batch[:cut], batch[cut:]) if short is None else ():
            client.take(part)
            out += session.feed(client.give())
        out += session.feed(short or b"")
        if client.finish(out):
            got[one].append(out)
            free.append(holds.pop(one))
            continue
        cut = chance.randrange(len(out) + 1)
        found = client.answer(out[:cut]) + client.answer(out[cut:])
        while client.resumes:
            found += client.answer(session.feed(client.give()))
        got[one].append(found)
        assert client.pinned in (None, "DEALLOCATE")  # of a name that is not there: it may be one of PREPARE
        assert client.lendable == (session.status == b"I" and client.pinned is None)
        if client.lendable:
            client.detach()
            free.append(holds.pop(one))
        elif len(got[one]) == len(scripts[one]):
            del holds[one]
            free.append((Session(), Server(LOGIN)))
    assert got == alone


CHANGED = wire.error_response(
    "0A000", "cached plan must not change result type", severity="ERROR", routine="RevalidateCachedQuery"
)


class Stale(Exception):
    """A statement's result has changed."""


class Shaped(Session):
    """The same where results change: a statement that was prepared before fails from then on."""

    def __init__(self, version: list[int]) -> None:
        super().__init__()
        self.version = version

    def reply(self, kind: str, body: bytes) -> bytes:
        try:
            return super().reply(kind, body)
        except Stale:
            self.skipping = True
            return CHANGED

    def parse(self, body: bytes) -> bytes:
        return super().parse(body + b"%d" % self.version[0])

    def found(self, name: bytes) -> bytes:
        meaning = super().found(name)
        if not meaning.endswith(b"%d" % self.version[0]):
            raise Stale
        return b"select %d\0" % self.version[0]


PREPARE, DESCRIBE, BIND, CLOSE = (
    wire.message(b"P", b"a\0select a\0\0\0"), wire.message(b"D", b"Sa\0"),
    wire.message(b"B", b"\0a\0\0\0\0\0\0\0"), wire.message(b"C", b"Sa\0"),
)  # fmt: skip


def say(client: Client, place: tuple[Session, Server], *batches: bytes) -> bytes:
    """What a client gets there, which has no server before and none afterwards."""
    session, server = place
    got, first = b"", client.attach(server)
    for batch in batches:
        client.take(batch)
        got += client.answer(session.feed(first + client.give()))
        first = b""
        while client.resumes:
            got += client.answer(session.feed(client.give()))
    client.detach()
    return got


@pytest.mark.parametrize("there", ["nothing", "old", "new", "described"])
def test_who_was_told_columns_does_not_get_others(there: str) -> None:
    version = [1]
    here, other = ((Shaped(version), Server(LOGIN)) for _ in range(2))
    client, second = Client(PINNING), Client(PINNING)
    say(client, here, PREPARE + DESCRIBE + SYNC)
    if there == "old":
        say(second, other, PREPARE + SYNC)
    version[0] = 2
    if there in ("new", "described"):
        say(second, other, PREPARE + (DESCRIBE if there == "described" else b"") + SYNC)
    for place in (other, here, other, here):
        assert say(client, place, BIND + EXECUTE + SYNC) == CHANGED + wire.message(b"Z", b"I")
    transaction = wire.message(b"Q", b"begin\0"), BIND + EXECUTE + SYNC, wire.message(b"Q", b"commit\0")
    assert say(client, other, *transaction).count(CHANGED) == 1
    # It is told of the new ones, here or there.
    say(client, other, CLOSE + PREPARE + DESCRIBE + SYNC)
    for place in (here, other, here):
        done = wire.message(b"2") + wire.message(b"C", b"select 2\0") + wire.message(b"Z", b"I")
        assert say(client, place, BIND + EXECUTE + SYNC) == done
    assert client.quick(BIND + EXECUTE + SYNC, here[1]) is not None


def test_what_is_routed_is_known_when_definitions_have_changed() -> None:
    """Unlike an answer from memory, for which the columns must be those that the client was told."""
    version, era = [1], [1]
    here, client = (Shaped(version), Server(LOGIN)), Client(PINNING)
    client.era = lambda: era[0]
    say(client, here, PREPARE + DESCRIBE + SYNC)
    assert client.meaning_as_told(b"a") == client.meaning(b"a") == b"select a\0\0\0"
    era[0] = 2
    assert client.meaning_as_told(b"a") is None
    client.take(BIND + EXECUTE + SYNC)
    assert client.texts() == [b"select a\0\0\0"]
    client.attach(here[1])
    client.answer(here[0].feed(client.give()))
    assert client.meaning_as_told(b"a") == b"select a\0\0\0"


def test_a_changed_setting_keeps_the_server() -> None:
    client = Client(PINNING)
    client.attach(Server(LOGIN))
    client.take(wire.message(b"Q", b"select 1\0"))
    client.give()
    client.answer(wire.message(b"C", b"SELECT 1\0") + wire.message(b"S", b"DateStyle\0German\0") + b"Z\0\0\0\5I")
    assert client.pinned == "a setting"
    with pytest.raises(ValueError, match="not over"):
        client.detach()


def test_what_comes_between_queries_needs_no_server() -> None:
    client = Client(PINNING)
    assert not client.take(wire.message(b"H") + wire.message(b"d", b"x" * 10) + b"S\0")
    assert client.take(b"\0\0\4")
    client.attach(Server(LOGIN))
    assert client.give() == SYNC
    lendable = [client.lendable]
    client.answer(b"Z\0\0\0\5I")
    lendable.append(client.lendable)
    assert lendable == [False, True]
    client.detach()
    assert not client.take(wire.message(b"X"))
    assert client.over


def test_a_name_without_its_end_is_a_violation() -> None:
    client = Client(PINNING)
    client.attach(Server(LOGIN))
    client.take(wire.message(b"B", b"abc"))
    with pytest.raises(Violation, match="invalid string"):
        client.give()


# Broken clients beside one that works.

MARK = b"select 'what only the other client may see'"
MARKED = wire.message(b"P", b"\0" + MARK + b"\0\0\0")
UNNAMED, NAMED = (wire.message(b"B", b"\0" + name + b"\0\0\0\0\0\0\0") for name in (b"", b"v"))
SHOWN = wire.message(b"D", b"P\0") + EXECUTE + SYNC
SAID = (
    *(wire.message(b"P", name + b"\0select 1\0\0\0") for name in (b"", b"a", b"v")),
    *(wire.message(b"P", name + b"\0begin\0\0\0") for name in (b"", b"a", b"v")),
    *(wire.message(b"B", b"\0" + name + b"\0\0\0\0\0\0\0") for name in (b"", b"a", b"v")),
    *(wire.message(kind, b"S" + name + b"\0") for kind in (b"D", b"C") for name in (b"", b"a", b"v")),
    *(wire.message(b"Q", text + b"\0") for text in (b"select 1", b"select bad", b"begin", b"commit")),
    wire.message(b"Q", b"deallocate all\0"),
    wire.message(b"D", b"P\0"), EXECUTE, SYNC, SYNC, wire.message(b"H"), wire.message(b"F", b"\0\0\0\1"),
    wire.message(b"d", b"one\n"), wire.message(b"c"), wire.message(b"f", b"\0"), wire.message(b"X"),
)  # fmt: skip


class Rough(Session):
    """The same for messages that have no form: an error, and what the protocol says about messages behind it."""

    def reply(self, kind: str, body: bytes) -> bytes:
        if kind in "dcfHX":
            return b""
        try:
            return super().reply(kind, body)
        except (KeyError, ValueError, IndexError):
            self.portal = None
            self.skipping = kind not in "QF"
            error = wire.error_response("08P01", "invalid message format", severity="ERROR")
            return error if self.skipping else error + self.ready()

    def describe(self, body: bytes) -> bytes:
        _check_name(body)
        return super().describe(body)

    def close(self, body: bytes) -> bytes:
        _check_name(body)
        return super().close(body) if body[:1] == b"S" else wire.message(b"3")


def _check_name(body: bytes) -> None:
    if body[:1] not in (b"S", b"P") or body.find(0, 1) != len(body) - 1:
        raise ValueError("a kind, and a name with its end")


def broken(chance: random.Random) -> bytes:
    data = bytearray(b"".join(chance.choices(SAID, k=chance.randrange(1, 7))))
    for _ in range(chance.randrange(4)):
        data[chance.randrange(len(data))] = chance.choice((0, 4, 83, 255, chance.randrange(256)))
    return bytes(data[: chance.randrange(1, len(data) + 1)] if chance.random() < 0.3 else data)


def attack(data: bytes, model: Rough, server: Server, chance: random.Random) -> tuple[bytes, bool]:
    """What a client gets that says this, in any pieces, and whether its server may be lent to others afterwards."""
    client, got = Client(PINNING), b""
    try:
        if chance.random() < 0.3 and (out := client.quick(data, server)) is not None:
            reply = model.feed(out)
            return (reply, True) if client.finish(reply) else (client.answer(reply), client.lendable)
        attached, at = False, 0
        while at < len(data):
            size = chance.randrange(1, 40)
            if client.take(data[at : at + size]):
                first = b"" if attached else client.attach(server)
                attached = True
                got += client.answer(model.feed(first + client.give()))
                while client.resumes:
                    got += client.answer(model.feed(client.give()))
            at += size
    except (Violation, Malformed):
        return got, False
    return got, client.lendable and model.framer.between and model.framer.broken is None


def fuzz(cases: int, seed: int) -> int:
    """How often a server was lent on that a broken client had."""
    chance = random.Random(seed)
    victim, lent = Client(PINNING), 0
    model, server = Rough(), Server(LOGIN)
    shape = described(MARK)
    unnamed = wire.message(b"1") + wire.message(b"2") + shape
    end = wire.message(b"C", MARK + b"\0") + wire.message(b"Z", b"I")
    named = wire.message(b"2") + shape + end
    victim.take(wire.message(b"P", b"v\0" + MARK + b"\0\0\0") + SYNC)
    victim.attach(server)
    assert victim.answer(model.feed(victim.give())) == wire.message(b"1") + wire.message(b"Z", b"I")
    victim.detach()
    for _ in range(cases):
        data = broken(chance)
        got, lendable = attack(data, model, server, chance)
        assert MARK not in got, data
        if not lendable:
            model, server = Rough(), Server(LOGIN)
            continue
        lent += 1
        asked, expected = (MARKED + UNNAMED + SHOWN, unnamed + end) if chance.random() < 0.5 else (NAMED + SHOWN, named)
        first = victim.attach(server)
        victim.take(asked)
        assert victim.answer(model.feed(first + victim.give())) == expected, data
        victim.detach()
    return lent


def test_a_thousand_broken_clients_of_a_pool() -> None:
    assert fuzz(1000, seed=1) > 100


@pytest.mark.soak
def test_a_million_broken_clients_of_a_pool() -> None:
    assert fuzz(1_000_000, seed=2) > 100_000
