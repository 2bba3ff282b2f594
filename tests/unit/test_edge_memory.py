"""Tier 1 against a naive model of it, and its bounds."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postai.edge.memory import DEAD, FADING, FADING_BYTES, Entry, Memory, News, Shelf, Space, Tag

LARGE = 100_000_000


def kept(shelf: Shelf, space: Space, key: bytes, *tags: Tag, reply: bytes = b"reply", cost: float = 1.0) -> Entry:
    entry = shelf.begin(space, key, tags, None, 0.0)
    assert shelf.keep(entry, reply, cost=cost, until=10.0)
    return entry


def one() -> tuple[Memory, Shelf, Space]:
    memory = Memory(LARGE)
    shelf = memory.shelf()
    return memory, shelf, shelf.space()


def test_a_change_of_a_table_kills_what_was_made_from_it() -> None:
    _, shelf, space = one()
    for key, tags in {b"a": (1,), b"b": (1, 2), b"c": (2,), b"d": ((1, (b"7",)),)}.items():
        kept(shelf, space, key, *tags)
    shelf.invalidate(1, None, None)
    assert set(space.entries) == {b"c"}
    assert (shelf.figures.invalidated, shelf.count) == (3, 1)


def test_a_change_of_a_row_spares_the_other_rows() -> None:
    _, shelf, space = one()
    kept(shelf, space, b"whole", 1)
    for key in (b"7", b"8", b"9"):
        kept(shelf, space, b"first " + key, (1, (key,)))
        kept(shelf, space, b"second " + key, (1, (key,)))
    shelf.invalidate(1, [(b"7",), (b"9",), (b"none",)], None)
    assert set(space.entries) == {b"first 8", b"second 8"}


def test_a_reply_on_its_way_is_spoiled() -> None:
    _, shelf, space = one()
    row, table = shelf.begin(space, b"row", [(1, (b"7",))], None, 0.0), shelf.begin(space, b"table", [1], None, 0.0)
    shelf.invalidate(1, [(b"8",)], None)
    assert (row.alive, table.alive) == (True, False)
    assert not shelf.keep(table, b"old", cost=1, until=10)
    assert shelf.keep(row, b"new", cost=1, until=10)
    assert list(space.entries) == [b"row"] and not space.filling
    assert shelf.figures.spoiled == 1


def test_a_flush_forgets_what_is_on_its_way_too() -> None:
    memory, shelf, space = one()
    first, second = shelf.begin(space, b"a", [1], None, 0.0), shelf.begin(space, b"a", [1], None, 0.0)
    kept(shelf, shelf.space(), b"other", 3)
    shelf.flush()
    assert not first.alive and not second.alive
    assert not shelf.keep(second, b"x", cost=1, until=10) and not shelf.keep(first, b"x", cost=1, until=10)
    assert (memory.bytes, memory.count, shelf.count, shelf.bytes) == (0, 0, 0, 0)


def test_who_waits_is_told_once_whatever_happens() -> None:
    _, shelf, space = one()
    told: list[str] = []
    for key in (b"kept", b"spoiled", b"given up", b"flushed"):
        entry = shelf.begin(space, key, [(1, (key,))], None, 0.0)
        entry.wait(lambda key=key: told.append(key.decode()))  # type: ignore[misc]
        left = lambda: told.append("left")  # noqa: E731
        entry.wait(left)
        entry.leave(left)
        entry.leave(left)
    shelf.keep(space.filling[b"kept"], b"x", cost=1, until=10)
    shelf.invalidate(1, [(b"spoiled",)], None)
    shelf.give_up(space.filling[b"given up"])
    shelf.flush()
    assert told == ["kept", "spoiled", "given up", "flushed"]


def test_the_newest_on_its_way_is_the_one_to_wait_for() -> None:
    _, shelf, space = one()
    first, second = shelf.begin(space, b"a", [1], None, 0.0), shelf.begin(space, b"a", [1], None, 0.0)
    assert space.filling[b"a"] is second
    assert shelf.keep(first, b"1", cost=1, until=10)
    assert space.filling[b"a"] is second
    assert shelf.keep(second, b"2", cost=1, until=10)
    assert space.entries[b"a"].reply == b"2" and shelf.count == 1


def test_a_dear_and_used_entry_outlives_cheap_ones() -> None:
    memory = Memory(20_000)
    shelf = memory.shelf()
    space = shelf.space()
    kept(shelf, space, b"dear", 1, cost=10.0)
    kept(shelf, space, b"used", 1, cost=0.1).uses += 100
    for number in range(100):
        kept(shelf, space, b"cheap %d" % number, 1, cost=0.1)
    assert {b"dear", b"used"} < set(space.entries)
    assert memory.bytes <= 20_000
    assert shelf.figures.evicted == 102 - shelf.count


def test_what_was_valuable_long_ago_ages() -> None:
    memory = Memory(20_000)
    shelf = memory.shelf()
    space = shelf.space()
    kept(shelf, space, b"old", 1, cost=3.0)
    for number in range(200):
        kept(shelf, space, b"%d" % number, 1, cost=1.0)
    assert b"old" not in space.entries


def test_a_reply_that_would_take_a_quarter_of_the_room_is_not_kept() -> None:
    memory = Memory(20_000)
    shelf = memory.shelf()
    space = shelf.space()
    assert not shelf.keep(shelf.begin(space, b"a", [1], None, 0.0), bytes(5000), cost=99, until=10)
    assert not space.entries and not space.filling


def test_a_scope_is_given_up() -> None:
    memory, shelf, space = one()
    other = shelf.space()
    kept(shelf, space, b"a", 1)
    kept(shelf, other, b"a", 1)
    shelf.begin(space, b"b", [1], None, 0.0)
    shelf.close(space)
    assert (memory.count, shelf.count, shelf.figures.flushed) == (1, 1, 2)
    shelf.invalidate(1, None, None)
    assert shelf.figures.invalidated == 1


def test_hits_of_the_dead_are_still_counted() -> None:
    _, shelf, space = one()
    kept(shelf, space, b"a", 1).uses += 5
    kept(shelf, space, b"b", 2).uses += 2
    shelf.invalidate(1, None, None)
    assert shelf.figures.hits == 7


def test_the_order_of_value_does_not_grow_with_what_dies() -> None:
    memory, shelf, space = one()
    for _ in range(5 * DEAD):
        kept(shelf, space, b"a", 1)
    assert len(memory._order) <= DEAD + 10


@pytest.mark.parametrize("row", [True, False], ids=["rows", "tables"])
def test_the_bytes_that_are_counted_are_the_bytes_that_are_taken(row: bool) -> None:
    memory = Memory(LARGE)
    shelf = memory.shelf()
    space = shelf.space()
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(5000):
            tags: tuple[Tag, ...] = ((70_000, (b"%d" % number,)),) if row else (70_000, 70_001, 70_002)
            kept(shelf, space, b"Q....select * from t where id = %d\0" % number, *tags, reply=bytes(200 + number % 5))
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.4 * memory.bytes < taken < memory.bytes


NEWS = News(5, 1.0, 1.04)


def test_what_a_change_overtook_fades_if_somebody_asked_for_it_again() -> None:
    memory, shelf, space = one()
    kept(shelf, space, b"asked", 1, reply=b"old").uses += 1
    kept(shelf, space, b"not asked", 1)
    kept(shelf, space, b"large", 1, reply=bytes(FADING_BYTES + 1)).uses += 1
    kept(shelf, space, b"by a rule", 1).uses += 1
    space.entries[b"by a rule"].streamed = False
    shelf.invalidate(1, None, NEWS)
    assert not space.entries and memory.count == 0
    assert {key: (one.reply, one.news, one.until, one.awaited) for key, one in space.fading.items()} == {
        b"asked": (b"old", NEWS, 1.04, False)
    }
    hits = shelf.figures.hits
    assert shelf.lent(space.fading[b"asked"]) == b"old" and shelf.figures.hits == hits + 1
    kept(shelf, space, b"asked", 1, reply=b"new")
    assert not space.fading


def test_a_reply_that_was_overtaken_on_its_way_takes_the_place_of_what_fades() -> None:
    _, shelf, space = one()
    kept(shelf, space, b"a", 1, reply=b"first").uses += 1
    shelf.invalidate(1, None, NEWS)
    space.fading[b"a"].awaited = True
    before, way = (shelf.begin(space, b"a", [1], None, 1.0) for _ in range(2))
    later = News(6, 1.01, 1.05)
    shelf.invalidate(1, None, later)
    assert not shelf.keep(before, b"perhaps older", cost=1, until=10) and space.fading[b"a"].reply == b"first"
    assert not shelf.keep(way, b"second", cost=1, until=10)
    assert (space.fading[b"a"].reply, space.fading[b"a"].news, space.fading[b"a"].awaited) == (b"second", later, True)
    late = shelf.begin(space, b"a", [1], None, 1.02)
    shelf.invalidate(1, None, News(7, 1.02, 1.06))
    kept(shelf, space, b"a", 1, reply=b"fourth")
    assert not shelf.keep(late, b"third", cost=1, until=10)
    assert not space.fading  # there is a newer one


def test_of_two_on_their_way_the_one_that_was_asked_for_last_stays() -> None:
    _, shelf, space = one()
    first, second = (shelf.begin(space, b"a", [1], None, at) for at in (1.0, 2.0))
    assert shelf.keep(second, b"second", cost=1, until=10)
    assert not shelf.keep(first, b"first", cost=1, until=10)
    assert space.entries[b"a"].reply == b"second"
    way = shelf.begin(space, b"a", [1], None, 3.0)
    shelf.invalidate(1, None, NEWS)
    assert not shelf.keep(way, b"perhaps older", cost=1, until=10) and not space.fading


@pytest.mark.parametrize("forget", ["flush", "purge of a table", "time", "number"])
def test_what_fades_is_forgotten(forget: str) -> None:
    _, shelf, space = one()
    kept(shelf, space, b"a", 1).uses += 1
    shelf.invalidate(1, None, None if forget == "purge of a table" else NEWS)
    way = shelf.begin(space, b"b", [1], None, 1.0)
    shelf.invalidate(1, None, NEWS)
    if forget == "flush":
        shelf.flush()
        shelf.keep(way, b"from before", cost=1, until=10)
    elif forget == "time":
        shelf.tidy(1.04)
    elif forget == "number":
        for number in range(FADING):
            kept(shelf, space, b"%d" % number, 2).uses += 1
        shelf.invalidate(2, None, NEWS)
        assert b"a" not in space.fading and len(space.fading) == len(shelf._fading) == FADING
        shelf.flush()
    assert not space.fading and not shelf._fading


class Naive:
    """What the tier is by definition: a list of entries that is searched through."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, bytes], tuple[tuple[Tag, ...], bytes]] = {}

    def change(self, oid: int, rows: list[tuple[bytes]] | None) -> None:
        self.kept = {key: one for key, one in self.kept.items() if not touched(one[0], oid, rows)}


def touched(tags: tuple[Tag, ...], oid: int, rows: list[tuple[bytes]] | None) -> bool:
    return any(
        tag == oid if isinstance(tag, int) else tag[0] == oid and (rows is None or tag[1] in rows) for tag in tags
    )


ROWS = st.sampled_from([(b"1",), (b"2",), (b"3",)])
TAGS = st.lists(st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), ROWS)), max_size=3).map(tuple)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(0, 1), st.sampled_from([b"a", b"b", b"c"]), TAGS),
        st.tuples(st.sampled_from(["keep", "give up"]), st.integers(0, 50)),
        st.tuples(st.just("change"), st.integers(1, 3), st.one_of(st.none(), st.lists(ROWS, max_size=2))),
        st.tuples(st.just("flush")),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_it_holds_what_a_naive_one_holds(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    memory, shelf, first = one()
    spaces = (first, shelf.space())
    naive = Naive()
    way: list[tuple[int, Entry, bool]] = []  # on its way: scope, entry, whether the naive one would still keep it
    for serial, step in enumerate(steps):
        if step[0] == "begin":
            way.append((step[1], shelf.begin(spaces[step[1]], step[2], step[3], None, 0.0), True))
        elif step[0] in ("keep", "give up") and way:
            scope, entry, fit = way.pop(step[1] % len(way))
            assert entry.alive is fit
            key, tags, reply = entry.key, entry.tags, b"%d" % serial
            if step[0] == "give up":
                shelf.give_up(entry)
            elif shelf.keep(entry, reply, cost=1.0, until=9.0):
                naive.kept[(scope, key)] = (tags, reply)  # type: ignore[index]
        elif step[0] == "change":
            shelf.invalidate(step[1], step[2], News(serial, float(serial), serial + 9.0))
            naive.change(step[1], step[2])
            way = [(scope, entry, fit and not touched(entry.tags, step[1], step[2])) for scope, entry, fit in way]
        elif step[0] == "flush":
            shelf.flush()
            naive.kept.clear()
            way = [(scope, entry, False) for scope, entry, _ in way]
        assert {
            (scope, key): (entry.tags, entry.reply)
            for scope, space in enumerate(spaces) for key, entry in space.entries.items()
        } == {key: (tuple(dict.fromkeys(tags)), reply) for key, (tags, reply) in naive.kept.items()}  # fmt: skip
        assert memory.count == shelf.count == len(naive.kept)
        alive = [entry for _, entry, fit in way if fit]
        indexed = {e for table in shelf._tables.values() for e in table.everything()}
        assert indexed == {entry for entry in alive if entry.tags} | {
            entry for space in spaces for entry in space.entries.values() if entry.tags
        }
    for _, entry, _ in way:
        shelf.give_up(entry)
    shelf.flush()
    assert not shelf._tables and memory.bytes == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.floats(0, 10), st.integers(0, 20)), max_size=80))
def test_its_bytes_are_bounded(entries: list[tuple[int, float, int]]) -> None:
    memory = Memory(30_000)
    shelf = memory.shelf()
    space = shelf.space()
    for number, (size, cost, uses) in enumerate(entries):
        entry = shelf.begin(space, b"%d" % number, [number % 3], None, 0.0)
        if shelf.keep(entry, bytes(size), cost=cost, until=1.0):
            entry.uses += uses
        assert memory.bytes == sum(entry.size for entry in space.entries.values()) <= memory.limit
        assert memory.count == len(space.entries)
