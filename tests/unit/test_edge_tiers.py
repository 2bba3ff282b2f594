"""What a second tier keeps: bytes that tell when they are damaged, and what was invalidated since."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from postai.edge.tiers import Kept, Recent, Tag, Values, digest, pack, storable, unpack

NAME = digest(b"server", b"shop/ada", b"Q")
VALUES = st.sampled_from([(b"1",), (b"2",), (b"1", b"2")])
OIDS = st.integers(1, 4)
TAGS = OIDS | st.tuples(OIDS, VALUES)
ANY_TAGS = st.integers(0, 2**32 - 1) | st.tuples(
    st.integers(0, 2**32 - 1), st.lists(st.none() | st.binary(max_size=9), min_size=1, max_size=3).map(tuple)
)
ENTRIES = st.builds(
    Kept,
    reply=st.binary(max_size=200),
    tags=st.lists(ANY_TAGS, max_size=5).map(tuple),
    until=st.just(7.5),
    cost=st.floats(0, 1000),
    position=st.none() | st.integers(0, 2**63),
)
CHANGES = st.lists(st.tuples(OIDS, st.none() | st.sets(VALUES)), max_size=40)


@given(ENTRIES)
def test_an_entry_comes_back_as_it_was(kept: Kept) -> None:
    assert unpack(pack(kept, NAME), NAME, kept.until) == kept


@given(ENTRIES, st.data())
def test_damage_is_noticed(kept: Kept, data: st.DataObject) -> None:
    record = pack(kept, NAME)
    at, bit = data.draw(st.integers(0, len(record) - 1)), data.draw(st.integers(0, 7))
    damaged = record[:at] + bytes([record[at] ^ 1 << bit]) + record[at + 1 :]
    assert unpack(damaged, NAME, 0) is None
    assert unpack(record[:at], NAME, 0) is None
    assert unpack(record, digest(b"server", b"shop/bob", b"Q"), 0) is None


@given(st.binary(max_size=100))
def test_any_bytes_are_read_without_an_error(record: bytes) -> None:
    unpack(record, NAME, 0)


@given(st.lists(st.binary(max_size=3), min_size=3, max_size=3), st.lists(st.binary(max_size=3), min_size=3, max_size=3))
def test_names_differ_where_anything_differs(one: list[bytes], other: list[bytes]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)


def touches(tag: Tag, oid: int, rows: set[Values] | None) -> bool:
    return tag == oid or (not isinstance(tag, int) and tag[0] == oid and (rows is None or tag[1] in rows))


@given(CHANGES, st.integers(1, 50), st.lists(st.tuples(st.frozensets(TAGS, min_size=1), st.integers(0, 400))))
def test_nothing_stale_counts_as_fresh(
    changes: list[tuple[int, set[Values] | None]], remembered: int, entries: list[tuple[frozenset[Tag], int]]
) -> None:
    recent = Recent(remembered)
    for number, (oid, rows) in enumerate(changes, 1):
        recent.note(oid, rows, 10 * number)
    for tags, position in entries:
        stale = any(
            10 * number > position and any(touches(tag, oid, rows) for tag in tags)
            for number, (oid, rows) in enumerate(changes, 1)
        )
        kept = Kept(b"", tuple(tags), 0, 0, position)
        if stale:
            assert not recent.fresh(kept)
        elif remembered > 20:  # there are no more tags than that
            assert recent.fresh(kept)
        assert recent.fresh(replace(kept, position=None))


def test_all_is_known_while_it_can_be_remembered() -> None:
    recent = Recent(3)
    kept = Kept(b"", ((1, (b"a",)),), 0, 0, 5)
    recent.note(1, [(b"b",)], 9)
    assert recent.fresh(kept)
    recent.note(2, [(b"a",)], 10)  # four of them: the first generation
    assert recent.fresh(kept)
    recent.note(2, [(b"1",), (b"2",), (b"3",)], 11)  # the second: the first one is forgotten
    assert not recent.fresh(kept)


def test_what_the_tier_has_dropped_itself_may_be_forgotten() -> None:
    recent = Recent(1)
    recent.applied = 100
    for number in range(10):
        recent.note(2, [(b"%d" % number,)], 6 + number)
    assert recent.fresh(Kept(b"", ((1, (b"a",)),), 0, 0, 5))


def test_floors() -> None:
    recent = Recent()
    kept = Kept(b"", (1,), 0, 0, 5)
    recent.raise_floor(6)
    assert not recent.fresh(kept)
    recent.restart(5)
    assert recent.fresh(kept)
    recent.raise_floor(float("inf"))
    assert not recent.fresh(kept)


def test_what_cannot_be_packed() -> None:
    assert storable(Kept(b"12", (1,), 0, 0, 5), 2)
    assert not storable(Kept(b"12", (1,), 0, 0, 5), 1)
    assert not storable(Kept(b"", tuple(range(65536)), 0, 0, 5), 1)
