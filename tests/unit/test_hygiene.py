"""Which of several indexes that do the same work stays."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from postai.optimize.column_uses import ColumnUses
from postai.optimize.existing import written_again
from postai.optimize.hygiene import _Cover, _Index, _redundant, _Server

SERVER = _Server(datetime(2025, 1, 1, tzinfo=UTC), 86400.0 * 40, False, 0, 0)


def index(oid: int, scans: int = 0, unique: bool = False) -> _Index:
    definition = f"CREATE INDEX i{oid} ON s.t USING btree (a)"
    return _Index(oid, "s", f"i{oid}", "s.t", 1, False, "btree", unique, definition, 8192, scans, None, 0, None)


def kept_of(indexes: dict[int, _Index], pairs: set[tuple[int, int]]) -> dict[str, str]:
    covers = [_Cover(one, other, True, False, indexes[other].unique) for one, other in sorted(pairs)]
    return {one.index: one.other for one in _redundant(covers, indexes, SERVER, ColumnUses())}


def test_of_twins_the_used_one_stays_else_the_older() -> None:
    assert kept_of({1: index(1), 2: index(2)}, {(1, 2), (2, 1)}) == {"s.i2": "s.i1"}
    assert kept_of({1: index(1), 2: index(2, scans=9)}, {(1, 2), (2, 1)}) == {"s.i1": "s.i2"}
    assert kept_of({1: index(1, scans=9), 2: index(2, unique=True)}, {(1, 2)}) == {"s.i1": "s.i2"}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=8))
def test_what_goes_is_covered_by_what_stays(shapes: list[tuple[int, int]]) -> None:
    """Indexes are stood for by a length: the longer one does all that the shorter one does, equals do the same."""
    indexes = {oid: index(oid, scans) for oid, (_, scans) in enumerate(shapes, start=1)}
    length = {oid: long for oid, (long, _) in enumerate(shapes, start=1)}
    pairs = {(a, b) for a in indexes for b in indexes if a != b and length[a] <= length[b]}
    gone = kept_of(indexes, pairs)
    assert len(indexes) - len(gone) == 1
    (stays,) = {f"s.i{oid}" for oid in indexes} - set(gone)
    assert set(gone.values()) <= {stays}


def test_an_index_of_a_partitioned_table_is_made_again_without_concurrently() -> None:
    definition = 'CREATE INDEX "CREATE INDEX" ON ONLY s.t USING btree (a DESC) WHERE (b > 0)'
    assert written_again(definition, concurrently=False) == (
        'CREATE INDEX "CREATE INDEX" ON s.t USING btree (a DESC) WHERE b > 0'
    )
    made = written_again(definition, concurrently=True)
    assert made is not None and made.startswith('CREATE INDEX CONCURRENTLY "CREATE INDEX" ON s.t ')
