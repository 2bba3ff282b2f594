"""The cache's rules: what is kept, what is given to whom, in every order of events."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postai.edge.caching import FAILURES, KNOWN, MOMENT, PAUSE, Caching, Gate, Limits, Statement, Statements
from postai.edge.chunks import Chunk
from postai.edge.freshness import Freshness, Snapshot
from postai.edge.memory import Memory, Space
from postai.sql.reads import Literal, Param, Verdict

INT4 = 23
WATCHED: dict[int, object] = {1: None, 2: None}
LIMITS = Limits(ttl=100.0, reply=1000)


def statement(*tables: int, ttl: float | None = None, **more: object) -> Statement:
    made = Statement()
    made.judged(Verdict(None, frozenset(tables), **more), ttl)  # type: ignore[arg-type]
    return made


def chunk(*values: bytes | None, formats: tuple[int, ...] = (), text: bytes = b"select") -> Chunk:
    return Chunk(text, text + b"\0\0\0", values, formats or (0,) * len(values))


def streamed() -> tuple[Caching, Freshness, Space]:
    freshness = Freshness(1.0)
    caching = Caching(Memory(10_000_000).shelf(), freshness, 1.0, LIMITS)
    freshness.started(100, {})
    freshness.sampled(5.0, 100, Snapshot(10, 10, frozenset()))
    caching.freshened()
    return caching, freshness, caching.shelf.space()


def put(caching: Caching, space: Space, key: bytes, *tables: int, at: float = 6.0, ttl: float | None = None) -> None:
    plan = caching.plan(statement(*tables, ttl=ttl), chunk(text=key), WATCHED, at)
    assert plan is not None
    entry = caching.begin(space, chunk(text=key), plan, at)
    assert caching.keep(entry, plan, b"reply", None, at)


def test_a_statement_is_judged_once() -> None:
    known = Statements()
    assert known.get(b"a") is None
    made = known.add(b"a")
    assert known.get(b"a") is made and not made.fit(0) and not made.reads
    for number in range(KNOWN):
        known.add(b"%d" % number)
    assert known.get(b"a") is None


@pytest.mark.parametrize(
    ("verdict", "reads", "writes"),
    [
        (Verdict(None, frozenset({1}), only_reads=True), True, False),
        (Verdict("a function", only_reads=False), False, False),
        (Verdict("BEGIN"), True, False), (Verdict("COMMIT"), True, False), (Verdict("UPDATE"), False, True),
        (Verdict("2 statements"), False, False), (Verdict("COPY"), False, False),
        (Verdict("COMMIT PREPARED"), False, False),
    ],
)  # fmt: skip
def test_what_writes(verdict: Verdict, reads: bool, writes: bool) -> None:
    one = Statement()
    one.judged(verdict, None)
    assert (one.reads, one.writes_at_once) == (reads, writes)


def test_rows_that_are_pinned() -> None:
    one = statement(1, 2, pins=((1, (("a", Param(1), INT4), ("b", Literal(b"x"), 25))),))
    assert set(one.tags(chunk(b" 007")) or ()) == {(1, (b"7", b"x")), 2}
    assert set(one.tags(chunk(struct.pack("!i", -3), formats=(1,))) or ()) == {(1, (b"-3", b"x")), 2}
    assert set(one.tags(chunk(None)) or ()) == {1, 2}
    assert set(one.tags(chunk(b"seven")) or ()) == {1, 2}
    assert set(one.tags(chunk()) or ()) == {1, 2}


def test_parameters_that_mean_the_present_moment_are_not_kept() -> None:
    caching, _, _ = streamed()
    assert caching.plan(statement(1), chunk(b"today"), WATCHED, 6.0) is None
    assert caching.plan(statement(1), chunk(b"some day", None), WATCHED, 6.0) is not None


def test_what_the_stream_does_not_tell_of_needs_a_rule() -> None:
    caching, _, space = streamed()
    assert caching.plan(statement(1, 3), chunk(), WATCHED, 6.0) is None
    plan = caching.plan(statement(1, 3, ttl=7.0), chunk(), WATCHED, 6.0)
    assert plan is not None and (plan.streamed, plan.ttl) == (False, 7.0)
    assert caching.plan(statement(1, ttl=0.0), chunk(), WATCHED, 6.0) is None
    alone = Caching(Memory(10_000).shelf(), None, 1.0, LIMITS)
    assert alone.shelf.until == float("inf")
    assert alone.plan(statement(1), chunk(), {}, 6.0) is None
    assert alone.plan(statement(1, ttl=7.0), chunk(), {}, 6.0) is not None
    assert space.entries == {}


def test_a_statement_whose_answers_do_not_fit_is_left_alone_for_some_time() -> None:
    one = statement(1)
    for _ in range(FAILURES):
        assert one.fit(5.0)
        one.collected(False, 5.0)
    assert not one.fit(5.0 + PAUSE / 2) and one.fit(5.0 + PAUSE)
    one.collected(False, 99.0)
    one.collected(True, 99.0)
    assert one.fit(99.0)


def test_freshness_runs_out() -> None:
    caching, freshness, space = streamed()
    put(caching, space, b"a", 1)
    assert caching.shelf.until == 6.0
    freshness.sampled(7.0, 200, Snapshot(10, 10, frozenset()))
    caching.freshened()
    assert caching.shelf.until == 6.0
    freshness.advanced(200)
    caching.freshened()
    assert caching.shelf.until == 8.0
    freshness.lost("gone")
    caching.redefined()
    caching.freshened()
    assert caching.shelf.until == 0 and not space.entries


def test_a_session_that_wrote_is_given_nothing_from_before() -> None:
    caching, freshness, space = streamed()
    put(caching, space, b"old", 1, at=6.0)
    put(caching, space, b"new", 1, at=8.0)
    old, new = space.entries[b"old"], space.entries[b"new"]
    for gate in (Gate(7.0, 150), Gate(7.0, None)):
        assert not caching.right(old, gate) and caching.right(new, gate) and not caching.opened(gate)
    freshness.advanced(150)
    assert caching.right(old, Gate(7.0, 150)) and caching.opened(Gate(7.0, 150))
    assert not caching.right(old, Gate(7.0, None))
    freshness.sampled(7.5, 150, Snapshot(10, 10, frozenset()))
    assert caching.right(old, Gate(7.0, None)) and caching.opened(Gate(7.0, None))


def test_what_only_time_ends_is_never_given_after_a_write_of_ones_own() -> None:
    caching, freshness, space = streamed()
    put(caching, space, b"rule", 3, at=6.0, ttl=50.0)
    freshness.advanced(500)
    gate = Gate(7.0, 150)
    assert not caching.right(space.entries[b"rule"], gate) and not caching.opened(gate)
    alone = Caching(Memory(10_000_000).shelf(), None, 1.0, LIMITS)
    place = alone.shelf.space()
    put(alone, place, b"a", 1, at=6.0, ttl=50.0)
    assert not alone.right(place.entries[b"a"], Gate(7.0, None)) and alone.right(place.entries[b"a"], Gate(5.0, None))


def test_an_answer_is_kept_only_if_it_saw_what_was_told() -> None:
    caching, freshness, space = streamed()
    freshness.changed(20, {1: frozenset({(b"7",)})})
    one = statement(1)
    for snapshot, kept in (
        (None, False), (Snapshot(15, 25, frozenset({20})), False), (Snapshot(15, 25, frozenset({21})), True),
    ):  # fmt: skip
        plan = caching.plan(one, chunk(), WATCHED, 6.0)
        assert plan is not None and plan.unseen == {20}
        entry = caching.begin(space, chunk(), plan, 6.0)
        assert caching.keep(entry, plan, b"reply", snapshot, 6.0) is kept
    other = caching.plan(statement(2), chunk(), WATCHED, 6.0)
    assert other is not None and not other.unseen
    assert caching.settled
    freshness.changed(21, None)
    assert not caching.settled


def test_changed_definitions_forget_what_is_known() -> None:
    caching, _, space = streamed()
    known = caching.statements()
    known.add(b"a").judged(Verdict(None, frozenset({1})), None)
    known.add(b"b")
    assert caching.known() == (2, 1)
    put(caching, space, b"a", 1)
    before = caching.generation
    caching.purged()
    assert caching.generation == before and caching.known() == (2, 1) and not space.entries
    caching.redefined()
    assert caching.generation != before and caching.known() == (0, 0)
    put(caching, space, b"a", 1)
    known.add(b"a")
    caching.reconsider()
    assert caching.known() == (0, 0) and space.entries
    caching.forget(known)
    assert caching.known() == (0, 0)


def test_what_fades_is_given_to_who_cannot_know_better() -> None:
    caching, freshness, space = streamed()
    put(caching, space, b"a", 1)
    space.entries[b"a"].uses += 1
    caching.changed({1: None}, 150, 7.0)

    def given(written: int = 0, answered: float = 6.9, now: float = 7.01) -> bool:
        return caching.fading(space, b"a", written, answered, now) is not None

    assert not given()  # nobody fetches a new one
    space.fading[b"a"].awaited = True
    assert given() and given(written=149)
    assert not given(written=150) and not given(answered=7.0) and not given(now=7.0 + MOMENT)
    freshness.advanced(160)
    assert caching.told(Gate(7.0, 150)) == 150 and caching.told(Gate(7.0, None)) == 160
    caching.tidy(7.0 + MOMENT)
    assert not space.fading
    put(caching, space, b"a", 1)
    space.entries[b"a"].uses += 1
    caching.forget_tables([1])
    assert not space.entries and not space.fading


class World:
    """A server, its stream and the cache: commits become visible and are told of in any order."""

    def __init__(self) -> None:
        self.caching, self.freshness, self.space = streamed()
        self.rows = {b"1": 0, b"2": 0}  # what a new snapshot sees
        self.next = 20
        self.log: list[tuple[int, bytes]] = []  # commits in the order of the log
        self.told = 0
        self.shown = 0  # commits that are visible: any order is the log's order here
        self.ways: list[tuple[object, ...]] = []

    def snapshot(self) -> Snapshot:
        running = frozenset(xid for xid, _ in self.log[self.shown :])
        return Snapshot(min(running, default=self.next), self.next, running)

    def step(self, what: str, key: bytes) -> None:
        getattr(self, what)(key)

    def commit(self, key: bytes) -> None:
        self.log.append((self.next, key))
        self.next += 1

    def show(self, _: bytes) -> None:
        if self.shown < len(self.log):
            self.rows[self.log[self.shown][1]] = self.log[self.shown][0]
            self.shown += 1

    def tell(self, _: bytes) -> None:
        if self.told < len(self.log):
            xid, key = self.log[self.told]
            self.told += 1
            self.freshness.changed(xid, {1: frozenset({(key,)})})
            self.caching.changed({1: [(key,)]}, xid, 6.0)

    def confirm(self, _: bytes) -> None:
        self.freshness.sampled(6.0, 100, self.snapshot())

    def send(self, key: bytes) -> None:
        one = statement(1, pins=((1, (("a", Literal(key), INT4),)),))
        plan = self.caching.plan(one, chunk(text=key), WATCHED, 6.0)
        assert plan is not None
        entry = self.caching.begin(self.space, chunk(text=key), plan, 6.0)
        self.ways.append((entry, plan, None, None))

    def run(self, _: bytes) -> None:
        """The server takes the snapshots and runs the queries."""
        self.ways = [
            (entry, plan, self.snapshot(), self.rows[entry.key]) if seen is None else (entry, plan, seen, value)  # type: ignore[attr-defined]
            for entry, plan, seen, value in self.ways
        ]

    def arrive(self, _: bytes) -> None:
        for entry, plan, seen, value in self.ways:
            if seen is not None:
                entry.uses += 1  # type: ignore[attr-defined]
                self.caching.keep(entry, plan, b"%d" % value, seen if plan.unseen else None, 6.0)  # type: ignore[arg-type, attr-defined, str-format]
        self.ways = [way for way in self.ways if way[2] is None]

    def right(self) -> None:
        """No entry misses a commit that was told of."""
        for key, entry in self.space.entries.items():
            last = max((xid for xid, row in self.log[: self.told] if row == key), default=0)
            assert entry.reply is not None and int(entry.reply) >= last
        for key, fading in self.space.fading.items():
            before = max((xid for xid, row in self.log if row == key and xid < fading.news.position), default=0)
            assert int(fading.reply) >= before and key not in self.space.entries


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["commit", "show", "tell", "confirm", "send", "run", "arrive"]), st.sampled_from([b"1", b"2"])
    ),
    max_size=60,
)


@settings(max_examples=1000, deadline=None)
@given(STEPS)
def test_no_entry_misses_what_was_told_in_any_order(steps: list[tuple[str, bytes]]) -> None:
    world = World()
    for what, key in steps:
        world.step(what, key)
        world.right()
