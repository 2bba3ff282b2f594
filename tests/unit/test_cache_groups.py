"""Which queries are plain aggregates over one table, and what is known of writes between fillings."""

from __future__ import annotations

import threading

import pytest

from postai.cache.board import Board, Followed
from postai.cache.groups import Grouping, grouping
from postai.stream.snapshots import Snapshot, UnreadableSnapshot


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("SELECT o.region, count(*) AS n FROM app.orders o GROUP BY o.region;", (("region", "region"),)),
        ("SELECT sum(o.a) AS s, o.y AS year, o.r FROM o WHERE o.a > 1 GROUP BY o.r, o.y HAVING count(*) > 1",
         (("r", "r"), ("y", "year"))),
        ("SELECT r AS x, r AS y, max(a) AS m FROM o GROUP BY r ORDER BY 3", (("r", "x"),)),
        ('SELECT "B c", avg(a) AS m FROM o GROUP BY "B c"', (("B c", "B c"),)),
    ],
)  # fmt: skip
def test_plain_aggregates(query: str, columns: tuple[tuple[str, str], ...]) -> None:
    assert grouping(query) == Grouping(columns)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) AS n FROM o",
        "SELECT count(*) AS n FROM o GROUP BY r",
        "SELECT r, count(*) FROM o, p GROUP BY r",
        "SELECT r, count(*) FROM ONLY o GROUP BY r",
        "SELECT r, count(*) FROM o JOIN p USING (r) GROUP BY r",
        "SELECT r, count(*) FROM (SELECT * FROM o) o GROUP BY r",
        "SELECT r, (SELECT count(*) FROM p) FROM o GROUP BY r",
        "SELECT r, count(*) FROM o WHERE a IN (SELECT a FROM p) GROUP BY r",
        "SELECT lower(r) AS r, count(*) FROM o GROUP BY lower(r)",
        "SELECT r, count(*) FROM o GROUP BY r LIMIT 5",
        "SELECT r, count(*) FROM o GROUP BY r OFFSET 5",
        "SELECT DISTINCT r, count(*) FROM o GROUP BY r",
        "SELECT r, rank() OVER (ORDER BY count(*)) FROM o GROUP BY r",
        "SELECT r, rank() OVER w FROM o GROUP BY r WINDOW w AS (ORDER BY count(*))",
        "SELECT r, y, count(*) FROM o GROUP BY GROUPING SETS ((r), (y))",
        "SELECT r, y, count(*) FROM o GROUP BY ROLLUP (r, y)",
        "WITH x AS (SELECT 1) SELECT r, count(*) FROM o GROUP BY r",
        "SELECT r, count(*) FROM o GROUP BY r UNION ALL SELECT r, 1 FROM o",
        "VALUES (1)",
        "SELECT r FROM o",
        "SELECT r, count(*) FROM f() AS o GROUP BY r",
        "SELECT r, count(*) FROM o TABLESAMPLE system (1) GROUP BY r",
    ],
)
def test_all_others_are_computed_as_a_whole(query: str) -> None:
    assert grouping(query) is None


def test_the_groups_of_rows() -> None:
    by = Grouping((("r", "region"), ("y", "year")))
    assert by.group(("a", "r", "y"), (b"1", "ü".encode(), None)) == ("ü", None)
    assert by.group(("a", "r"), (b"1", b"2")) is None
    assert by.group(("r", "y"), (b"\xff", None)) is None
    assert by.condition([("x", None), ("a", "1")]) == {"region": ["a", "x"], "year": ["1", None]}


def test_snapshots() -> None:
    now = Snapshot.parse("100:110:103,105")
    assert [xid for xid in range(98, 113) if not now.completed(xid)] == [103, 105, 110, 111, 112]
    later = Snapshot.parse(f"{(1 << 32) + 5}:{(1 << 32) + 10}:")
    assert later.completed(4) and later.completed((1 << 32) - 1) and not later.completed(10)
    for text in ("", "1:2", "a:b:c", "1:2:x"):
        with pytest.raises(UnreadableSnapshot):
            Snapshot.parse(text)


def at(xmax: int, *running: int) -> Snapshot:
    return Snapshot(min([xmax, *running]), xmax, frozenset(running))


def test_a_change_counts_until_a_filling_shows_it() -> None:
    board = Board()
    board.follow([Followed(1, frozenset({10, 11})), Followed(2, frozenset({12}))])
    assert board.silent() == {}
    board.fill(1, at(100), "d", board.era)
    assert board.silent() == {1: "d"}
    assert board.change(99, {10: None}, {}) == set()  # it was read already
    assert board.change(100, {10: None, 99: None}, {}) == {1}
    assert board.silent() == {}
    # The commit was streamed, and is not visible yet.
    assert board.missed(1, at(101, 100))
    board.fill(1, at(101, 100), "d", board.era)
    assert board.silent() == {}
    assert not board.missed(1, at(101))
    board.fill(1, at(101), "e", board.era)
    assert board.silent() == {1: "e"}
    board.forget([1])
    assert board.silent() == {}
    board.fill(1, at(101), "e", board.era)
    board.lose()
    assert board.silent() == {}
    before = board.era
    board.follow([Followed(1, frozenset({10}))])
    board.fill(1, at(200), "e", before)  # it began when nobody followed: what was written meanwhile was never told
    assert board.silent() == {}


def test_what_was_running_when_the_stream_began() -> None:
    board = Board()
    board.follow([Followed(1, frozenset({10})), Followed(2, frozenset({12}))])
    board.doubt({50: [10], 51: [13]})
    board.fill(1, at(60, 50), "d", board.era)
    board.fill(2, at(60, 50), "d", board.era)
    assert board.silent() == {2: "d"}
    board.fill(1, at(60), "d", board.era)
    assert board.silent() == {1: "d", 2: "d"}


def test_groups_that_were_written_to() -> None:
    by = Grouping((("r", "region"),))
    board = Board()
    board.follow([Followed(1, frozenset({10}), by)])
    names = {10: ("r",)}
    assert board.change(1, {10: frozenset({(b"a",)})}, names) == {1}
    assert board.groups(1) is None  # never filled: there are no rows to keep
    board.fill(1, at(2), "", board.era)
    board.change(5, {10: frozenset({(b"a",), (None,)})}, names)
    board.change(6, {10: frozenset({(b"b",)})}, names)
    assert board.groups(1) == (by, {("a",), (None,), ("b",)})
    assert board.missed(1, at(7), frozenset({("a",), (None,)}))
    assert not board.missed(1, at(7), frozenset({("a",), (None,), ("b",)}))
    board.fill(1, at(6), "", board.era)
    assert board.groups(1) == (by, {("b",)})
    board.change(8, {10: None}, names)
    assert board.groups(1) is None


def test_waiting_for_a_proof() -> None:
    board = Board()
    assert not board.await_proof(1.0, 5)
    board.follow([Followed(1, frozenset({10}))])
    assert not board.await_proof(1.0, 0.01)
    thread = threading.Thread(target=lambda: board.prove(2.0))
    thread.start()
    assert board.await_proof(2.0, 5)
    thread.join()
    board.prove(1.0)
    assert board.await_proof(2.0, 0)
