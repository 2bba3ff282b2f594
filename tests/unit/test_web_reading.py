"""Parts of the pages that read: drawings, layers of a diagram, what is kept, ranges, notes on statements."""

from __future__ import annotations

import asyncio
import re
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.errors import UsageError
from postai.observe.antipatterns import RULES, notes_of
from postai.observe.overview import LoadPoint, with_gaps
from postai.observe.ranges import MOST_POINTS, moment_of, range_of
from postai.observe.schema import DrawnColumn, DrawnKey, DrawnTable, Neighbourhood
from postai.web import charts
from postai.web.diagram import draw, layers
from postai.web.kept import UNUSED, Kept, StillReading
from postai.web.limits import Shares, TooOften
from postai.web.streams import Streams

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


# Charts.


def test_a_line_is_scaled_to_its_place() -> None:
    drawn = charts.line_chart([(0, 0.0), (50, 5.0), (100, 10.0)], width=108, height=58, top=10.0)
    assert 'd="M4.0 54.0h0L54.0 29.0L104.0 4.0"' in drawn


def test_a_gap_breaks_the_line_and_a_lone_point_is_a_dot() -> None:
    drawn = charts.line_chart([(0, 1.0), (50, None), (100, 1.0)], width=108, height=58)
    assert drawn.count("M") == 2 and drawn.count("h0") == 2
    assert 'd=""' in charts.line_chart([(0, None)])


def test_marks_stand_where_they_happened_and_are_text() -> None:
    drawn = charts.line_chart(
        [(0, 1.0), (100, 1.0)], width=108, marks=[(50, "applied", "<b>it</b>"), (500, "slower", "later")]
    )
    assert 'x1="54.0"' in drawn and "&lt;b&gt;it&lt;/b&gt;" in drawn and "later" not in drawn


def test_a_span_is_wider_than_its_points() -> None:
    drawn = charts.line_chart([(50, 1.0)], width=108, height=58, span=(0, 100))
    assert 'd="M54.0 4.0h0"' in drawn


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e12)), max_size=20), st.text(max_size=20))
def test_any_values_make_a_drawing(values: list[float | None], label: str) -> None:
    for drawn in (charts.line_chart(list(enumerate(values)), label=label), charts.sparkline(values, label=label)):
        assert drawn.startswith("<svg") and drawn.endswith("</svg>") and "nan" not in drawn.split("path", 1)[1]


def test_gaps_are_marked() -> None:
    points = with_gaps([LoadPoint(0, 1.0), LoadPoint(60, 1.0), LoadPoint(600, 1.0)], 60, LoadPoint)
    assert [(one.at, one.active) for one in points] == [(0, 1.0), (60, 1.0), (120, None), (600, 1.0)]


# Diagrams.


def test_what_refers_is_left_of_what_it_refers_to() -> None:
    found = layers([1, 2, 3, 4], [(1, 2), (2, 3), (1, 3), (4, 3)])
    assert found == {1: 0, 2: 1, 3: 2, 4: 1}


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40))
def test_any_keys_have_layers_rings_included(keys: list[tuple[int, int]]) -> None:
    found = layers(list(range(13)), keys)
    assert set(found) == set(range(13)) and min(found.values()) == 0


def _table(oid: int, columns: int = 3) -> DrawnTable:
    made = tuple(DrawnColumn(f"c{n}", "integer", n == 0, n == 0, n == 1) for n in range(columns))
    return DrawnTable(oid, f"public.t{oid}", f"t{oid}", made, 0)


def test_tables_do_not_lie_on_each_other() -> None:
    tables = tuple(_table(oid, columns=12) for oid in range(40))
    keys = tuple(DrawnKey(f"k{oid}", oid, 0, "c1") for oid in range(40))
    drawn = draw(Neighbourhood("public.t0", 1, tables, keys, 0, ()), lambda name: f"/d?{name}")
    boxes = set(re.findall(r'<rect class="head" x="(\d+)" y="(\d+)"', drawn))
    assert len(boxes) == 40
    assert drawn.count('class="key"') == 40


def test_names_in_a_drawing_are_text() -> None:
    table = DrawnTable(1, 'public."<script>"', "<script>", (DrawnColumn("<i>", "text", False, False, False),), 4)
    drawn = draw(Neighbourhood('public."<script>"', 1, (table,), (), 0, ()), lambda name: f'/d?name="{name}')
    assert "<script>" not in drawn and "<i>" not in drawn and 'name="public' not in drawn and "and 4 more" in drawn


# What is kept, shares, and streams.


def test_shares_are_of_one_and_of_all() -> None:
    shares = Shares(2, 3)
    with shares.one("a"), shares.one("a"), shares.one("b"):
        for key, words in (("a", "2 requests of yours"), ("b", "too many")):
            with pytest.raises(TooOften, match=words), shares.one(key):
                pass
    with shares.one("c"), shares.one("c"):
        pass


def test_what_was_read_a_moment_ago_is_not_read_again() -> None:
    now, read = [0.0], []
    kept = Kept(lambda: now[0], most=2)

    def look(key: str) -> int:
        return kept.get(key, 5, lambda: read.append(key) or len(read))

    assert (look("a"), look("a")) == (1, 1)
    now[0] = 5.0
    assert look("a") == 2
    assert (look("b"), look("c"), look("a")) == (3, 4, 5), "the one unused for longest went"


def test_what_nobody_asks_for_is_let_go() -> None:
    now = [0.0]
    kept = Kept(lambda: now[0])
    big = kept.get("big", 30, lambda: Kept())
    gone = weakref.ref(big)
    del big
    now[0] = UNUSED - 1
    kept.get("other", 30, lambda: 1)
    assert gone() is not None
    now[0] = UNUSED + 1
    kept.get("other", 30, lambda: 1)
    assert gone() is None


def test_a_failure_is_not_kept_and_one_reads_for_all() -> None:
    kept = Kept()
    with pytest.raises(UsageError):
        kept.get("a", 60, lambda: _fail())
    begun, go, read = threading.Event(), threading.Event(), []

    def slow() -> int:
        begun.set()
        go.wait(30)
        read.append(1)
        return len(read)

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(kept.get("a", 60, slow))) for _ in range(4)]
    for one in threads:
        one.start()
    assert begun.wait(30)
    go.set()
    for one in threads:
        one.join()
    assert found == [1, 1, 1, 1]


def _fail() -> int:
    raise UsageError("no")


def test_nobody_waits_long_for_another_one_who_reads() -> None:
    """Each who waits holds a thread and a connection, just when the server is ill."""
    now = [0.0]
    kept = Kept(lambda: now[0], patience=0.01)
    assert kept.get("a", 2, lambda: 1) == 1
    now[0] = 10.0
    inside: list[object] = []

    def slow() -> int:
        with ThreadPoolExecutor(max_workers=1) as others:
            inside.append(others.submit(kept.get, "a", 2, lambda: 3).result(30))
            now[0] = 90.0
            inside.append(others.submit(kept.get, "a", 2, lambda: 3).exception(30))
        return 2

    assert kept.get("a", 2, slow) == 2
    assert inside[0] == 1, "the last value"
    assert isinstance(inside[1], StillReading), "the last value is too old"


def test_a_failure_that_took_long_is_told_again_for_a_while() -> None:
    now, tried = [0.0], []
    kept = Kept(lambda: now[0])

    def slow() -> int:
        tried.append(now[0])
        now[0] += 15.0
        return _fail()

    for _ in range(3):
        with pytest.raises(UsageError):
            kept.get("a", 2, slow)
    assert tried == [0.0]
    now[0] += 5.0
    assert kept.get("a", 2, lambda: 7) == 7


def test_the_oldest_stream_of_a_login_makes_room() -> None:
    async def run() -> None:
        streams = Streams(most=2)
        with streams.begin("ada") as first, streams.begin("ada") as second, streams.begin("bob") as other:
            with streams.begin("ada"):
                assert first.is_set() and not second.is_set() and not other.is_set()
            assert streams.count() == 2
        assert streams.count() == 0

    asyncio.run(run())


# Ranges.


def test_ranges_as_people_type_them() -> None:
    assert range_of(NOON, 24).since == NOON - timedelta(days=1)
    typed = range_of(NOON, 24, "2026-03-04T10:00", "2026-03-04T13:00+02:00")
    assert (typed.since, typed.until) == (NOON - timedelta(hours=2), NOON - timedelta(hours=1))
    assert moment_of("  ") is None


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", "2027-01-01", "1000-01-01", "0001-01-01T00:00+14:00"])
def test_what_is_no_range_is_refused(since: str) -> None:
    with pytest.raises(UsageError):
        range_of(NOON, 24, since)


@given(st.floats(0.02, 8784))
def test_a_range_has_few_points(hours: float) -> None:
    span = range_of(NOON, hours)
    assert span.seconds / span.step <= MOST_POINTS * 1.3


# Notes on statements.


@pytest.mark.parametrize(
    ("sql", "notes"),
    [
        ("select id from t where a = $1", []),
        ("select id from t where lower(a) = $1", ["wrapped_column"]),
        ("update t set a = $1 where b::date = $2", ["wrapped_column"]),
        ("select id from t where a = lower($1)", []),
        ("select count(*) from t", []),
        ("select t.* from t", ["all_columns"]),
        ("select id from t where a not in (select b from u)", ["not_in_query"]),
        ("select id from t where not exists (select from u where u.a = t.a)", []),
        ("select id from t order by random() limit $1", ["random_order"]),
        ("select id from t order by id limit $1 offset $2", ["offset"]),
        ("delete from t", ["every_row"]),
        ("insert into t select id from u", []),
        ("select a from t union select b from u", ["union"]),
        ("select a from t union all select b from u", []),
        ("select from where", []),
    ],
)
def test_notes(sql: str, notes: list[str]) -> None:
    assert [one.id for one in notes_of(sql)] == notes


@pytest.mark.parametrize(
    ("sql", "notes"),
    [
        ("with recursive t as (select 1 as n union select n + 1 from t where n < 9) select n from t", []),
        ("with recursive t as (select 1 as n union select 2) select n from t", ["union"]),
        ("with recursive t as (select 1 as n union select n from t) select n from t union select 3", ["union"]),
        ("select a.id from a join b on lower(a.name) = b.name", ["wrapped_column"]),
        ("select a.id from a left join b on lower(a.name) = lower(b.name)", ["wrapped_column"]),
        ("select a.id from a join b on a.id = b.a_id and b.at::date = $1", ["wrapped_column"]),
        ("select a.id from a join b on a.id = b.a_id where a.at = b.at", []),
        ("select id from a where name = lower($1)", []),
        ("select id from a where lower(name) = $1::text", ["wrapped_column"]),
    ],
)
def test_notes_of_unions_and_joins(sql: str, notes: list[str]) -> None:
    assert [one.id for one in notes_of(sql)] == notes


@pytest.mark.parametrize(
    ("where", "indexed", "told"),
    [
        ("lower(o.note) = $1", ["lower(note)"], False),
        ("lower(note) = $1", ["lower((note)::text)"], False),
        ("upper(note) = $1", ["lower(note)"], True),
        ("lower(title) = $1", ["lower(note)"], True),
        ("(placed_at)::date = $1", ["(placed_at)::date"], False),
        ("date(placed_at) = $1", ["date(placed_at)"], False),
        ("pg_catalog.date_trunc('day', placed_at) = $1", ["date_trunc('day'::text, placed_at)"], False),
        ("date_trunc('hour', placed_at) = $1", ["date_trunc('day'::text, placed_at)"], True),
        ("date_trunc($2, placed_at) = $1", ["date_trunc('day'::text, placed_at)"], True),
        ("lower(note) = $1 and upper(note) = $2", ["lower(note)"], True),
        ("lower(note) = $1", ["((note || 'x'::text))", "not sql ("], True),
    ],
)
def test_what_an_index_holds_is_no_mistake(where: str, indexed: list[str], told: bool) -> None:
    found = notes_of(f"select o.id from orders as o where {where}", indexed)
    assert [one.id for one in found] == (["wrapped_column"] if told else [])


def test_every_note_says_what_to_write_instead() -> None:
    assert len({rule.note.id for rule in RULES}) == len(RULES)
    assert all(rule.note.why.endswith(".") and rule.note.instead.endswith(".") for rule in RULES)
