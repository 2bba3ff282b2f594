"""Models of index access: arithmetic that needs no server."""

import json
import time
from collections import Counter

import pytest

from postai.optimize.access_cost import Cost, Search, _like, pages_fetched, pattern_trigrams, scan_cost, search_for
from postai.optimize.index_keys import estimate_distinct, gin_elements, key_facts, null_tests, trigrams
from postai.optimize.index_size import estimate_bytes, index_shape, posting_bytes
from postai.optimize.replaced_cost import replaced_total
from postai.optimize.statistics import ColumnFacts, PlannerSettings, TableStatistics
from postai.optimize.types import IndexDefinition, IndexKey
from postai.optimize.write_cost import hot_loss_ms, write_ms_per_row
from postai.sql.plan_tree import read_tree

ROWS = 100000.0
NOTES = tuple(f"note {number} of lorem" for number in range(100))
DOCUMENTS = tuple(json.dumps({"kind": "ab"[n % 2], "ref": f"r{n}", "list": [n % 5, {"x": 1}]}) for n in range(100))
COLUMNS = (
    ColumnFacts("id", "int8", "N", 8, "d", 8.0, n_distinct=-1.0, correlation=1.0),
    ColumnFacts("any", "int8", "N", 8, "d", 8.0, n_distinct=-1.0, correlation=0.01),
    ColumnFacts("status", "text", "S", -1, "i", 5.0, 0.0, 4.0, 0.3, (0.7, 0.2, 0.05, 0.05), common=("done",) * 4),
    ColumnFacts("gone", "int8", "N", 8, "d", 8.0, 0.9, -0.1),
    ColumnFacts("note", "text", "S", -1, "i", 15.0, 0.0, -1.0, samples=NOTES),
    ColumnFacts("doc", "jsonb", "U", -1, "i", 60.0, 0.0, -1.0, samples=DOCUMENTS),
    ColumnFacts("at", "timestamptz", "D", 8, "d", 8.0, n_distinct=-1.0, correlation=1.0),
    ColumnFacts("tags", "_text", "A", -1, "i", 50.0, element_freqs=(0.5, 0.2, 0.1), elements_per_value=0.8),
)
TABLE = TableStatistics(1, ROWS, 2000.0, 0.9, columns={one.name: one for one in COLUMNS})
SETTINGS = PlannerSettings()


def index(*keys: str, method: str = "btree", opclass: str | None = None, **more: object) -> IndexDefinition:
    made = tuple(IndexKey(one, one if one in TABLE.columns else None, opclass) for one in keys)
    return IndexDefinition("s", "t", 1, made, method=method, **more)  # type: ignore[arg-type]


def size(*keys: str, fraction: float = 1.0, **more: object) -> int:
    return estimate_bytes(index(*keys, **more), TABLE, fraction)  # type: ignore[arg-type]


def test_btree_of_unique_numbers_has_366_of_them_on_a_leaf_page() -> None:
    leaves = -(-100000 // 366)
    assert size("id") == (leaves + 1 + 1) * 8192  # root, meta page


def test_equal_keys_share_posting_lists_unless_columns_are_included() -> None:
    assert size("status") < 0.4 * size("id")
    assert size("status", include=("gone",)) > size("id")


def test_partial_index_is_as_small_as_its_rows_and_knows_that_nulls_are_out() -> None:
    assert size("id", where="status = 'new'", fraction=0.05) < 0.06 * size("id")
    nulls_in, nulls_out = size("gone", fraction=0.1), size("gone", where="gone IS NOT NULL", fraction=0.1)
    assert nulls_in < nulls_out


def test_an_empty_table_and_an_unknown_column_have_sizes() -> None:
    empty = TableStatistics(1, 0.0, 0.0, columns=TABLE.columns)
    for method in ("btree", "hash", "brin", "gin", "gist"):
        assert 0 < estimate_bytes(index("tags", method=method), empty) <= 4 * 8192
    assert size("secret") > 0


def test_partitions_have_an_index_each() -> None:
    parts = TableStatistics(1, ROWS, 2000.0, leaves=10, columns=TABLE.columns)
    shape = index_shape(index("id"), parts)
    assert shape.rows == ROWS
    assert (
        shape.pages == 10 * index_shape(index("id"), TableStatistics(1, ROWS / 10, 200.0, columns=TABLE.columns)).pages
    )


@pytest.mark.parametrize(
    ("expression", "type_name", "width"),
    [("lower(note)", "text", 15.0), ("note COLLATE \"C\"", "text", 15.0), ("doc ->> 'ref'", "text", 4.0),
     ("(doc ->> 'ref')::int", "int4", 4.0), ("date(at)", "date", 4.0), ("md5(note)", "text", 33.0),
     ("coalesce(gone, 0)", "int8", 8.0), ("gone IS NULL", "bool", 1.0),
     ("id = 3", "bool", 1.0), ("to_tsvector('simple', note)", "tsvector", 15.0),
     ("note || ' ' || status", "text", 20.0), ("((", "text", 32.0)],
)  # fmt: skip
def test_facts_of_expressions(expression: str, type_name: str, width: float) -> None:
    facts = key_facts(IndexKey(expression, None), TABLE)
    assert facts.type_name == type_name
    assert facts.width == pytest.approx(width, abs=1.0)


def test_members_of_documents_are_counted_from_the_samples() -> None:
    kind, ref = (key_facts(IndexKey(f"doc ->> '{name}'", None), TABLE) for name in ("kind", "ref"))
    assert kind.n_distinct == 2
    assert ref.n_distinct == -1
    elements = gin_elements(IndexKey("doc", "doc", "jsonb_path_ops"), TABLE.columns["doc"], ROWS)
    assert elements.per_value == pytest.approx(4.0)
    assert elements.distinct == pytest.approx(ROWS + 2 + 5 + 1, rel=0.01)


def test_samples_do_not_show() -> None:
    assert "lorem" not in repr(TABLE)


def test_distinct_values_are_estimated_as_analyze_does() -> None:
    assert estimate_distinct(Counter(range(100)), 100, 50000) == 50000
    assert estimate_distinct(Counter({1: 50, 2: 50}), 100, 50000) == 2


def test_postings_are_shorter_the_denser_they_lie() -> None:
    assert posting_bytes(100000, 2000) == pytest.approx(1.02, abs=0.02)
    assert posting_bytes(400, 2000) == pytest.approx(2.2, abs=0.3)
    assert posting_bytes(1, 1e7) == pytest.approx(4.0, abs=0.01)


def test_trigrams_of_words_and_patterns() -> None:
    assert trigrams("Cat, dog") == {"  c", " ca", "cat", "at ", "  d", " do", "dog", "og "}
    assert pattern_trigrams("%foo bar%") == {"foo", "oo ", "  b", " ba", "bar"}
    assert pattern_trigrams("cat%") == {"  c", " ca", "cat"}
    assert pattern_trigrams("%ab%") == pattern_trigrams("%") == frozenset()
    assert pattern_trigrams(r"%100\%%") == {"100", "00 "}


def test_what_a_condition_asks_of_gin() -> None:
    facts = {one.name: one for one in COLUMNS}
    text, paths = IndexKey("note", "note", "gin_trgm_ops"), IndexKey("doc", "doc", "jsonb_path_ops")
    assert search_for(text, "~~", "%lorem%", facts["note"]) == Search(3.0)
    assert search_for(text, "~~", "%lo%", facts["note"]).whole
    assert search_for(text, "~~", None, facts["note"]) == Search(1.0)
    assert search_for(text, "~", "lorem.*ipsum", facts["note"]).entries == 6
    assert search_for(text, "~~", "%lorem%note%", facts["note"]).false_share == pytest.approx(1.0)
    assert search_for(paths, "@>", '{"kind": "a", "list": [3]}', facts["doc"]) == Search(2.0)
    assert search_for(paths, "@>", "{}", facts["doc"]).whole
    assert search_for(IndexKey("tags", "tags"), "&&", "{a,b,c}", facts["tags"]) == Search(3.0)
    words = ColumnFacts("words", "tsvector")
    assert search_for(IndexKey("words", "words"), "@@", "'cat' & 'do':*", words) == Search(2.0, 1.0)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [("%lorem%", True), ("note%", True), ("NOTE_7%lorem", True), ("%n_te%", True), ("note", False), ("lorem%", False),
     ("%lorem%note%", False), (r"note\_7%", False), ("%7 of lorem", True), ("%of_lorem", True), ("%", True)],
)  # fmt: skip
def test_like_patterns_are_matched_as_postgresql_does(pattern: str, matches: bool) -> None:
    assert _like("note 7 of lorem", pattern) is matches


def test_hostile_constants_take_no_time() -> None:
    long = ColumnFacts("note", "text", "S", -1, "i", 900.0, n_distinct=-1.0, samples=("aaa " * 220,) * 30)
    started = time.monotonic()
    search_for(IndexKey("note", "note", "gin_trgm_ops"), "~~", "%aaa" * 200 + "%b", long)
    deep = search_for(IndexKey("doc", "doc"), "@>", "[" * 900 + "1" + "]" * 900, TABLE.columns["doc"])
    search_for(IndexKey("doc", "doc"), "@>", "[" * 100000, TABLE.columns["doc"])
    key_facts(IndexKey("1); select (2", None), TABLE)
    assert deep.entries == 1
    assert time.monotonic() - started < 5


def test_a_bitmap_costs_its_index_before_the_first_row() -> None:
    shape = index_shape(index("tags", method="gin"), TABLE)
    few, many = (scan_cost(shape, rows, SETTINGS) for rows in (10, 50000))
    assert 0 < few.startup < few.total < 100
    assert many.startup > few.startup
    assert many.total > 2000 * SETTINGS.seq_page_cost
    assert scan_cost(shape, 10, SETTINGS, search=Search(whole=True)).total > many.total
    assert scan_cost(shape, 10, SETTINGS, loops=1000).total < few.total


def test_brin_helps_only_where_values_follow_the_disk() -> None:
    ordered, random = (scan_cost(index_shape(index(one, method="brin"), TABLE), 100, SETTINGS) for one in ("at", "any"))
    assert ordered.total < random.total * 0.7
    assert random.rows == ROWS


def test_btree_is_read_in_order_or_by_bitmap_whatever_is_cheaper() -> None:
    shape = index_shape(index("any"), TABLE)
    one, many = scan_cost(shape, 1, SETTINGS), scan_cost(shape, 20000, SETTINGS)
    assert one.total < 20
    assert many.startup > 50  # bitmap
    assert scan_cost(shape, 20000, SETTINGS, index_only=True).total < many.total * 0.6


def test_fetched_pages_follow_mackert_and_lohman() -> None:
    small = PlannerSettings(effective_cache_size=100.0)
    assert pages_fetched(1, 1000, 10, SETTINGS) == 1
    assert pages_fetched(1000, 1000, 10, SETTINGS) == 667
    assert pages_fetched(1e9, 1000, 10, SETTINGS) == 1000
    assert pages_fetched(1e5, 1000, 10, small) > 10000  # read again and again


def test_writes_cost_most_where_a_row_has_many_keys() -> None:
    def cost(*keys: str, method: str = "btree", opclass: str | None = None) -> float:
        return write_ms_per_row(index_shape(index(*keys, method=method, opclass=opclass), TABLE))

    brin, ascending, random = cost("at", method="brin"), cost("id"), cost("any")
    paths = cost("doc", method="gin", opclass="jsonb_path_ops")
    letters = cost("note", method="gin", opclass="gin_trgm_ops")
    assert brin < ascending < random < letters
    assert paths < letters
    assert write_ms_per_row(index_shape(index("any"), TABLE, 0.1)) == pytest.approx(random / 10, rel=0.2)


def test_places_of_new_rows_decide_what_a_btree_costs() -> None:
    def cost(*keys: str, rows: float = ROWS) -> float:
        table = TableStatistics(1, rows, rows / 50, columns=TABLE.columns)
        return write_ms_per_row(index_shape(index(*keys), table))

    assert cost("status", "at") < 1.5 * cost("at")  # four places to append to
    assert cost("any", "at") > 2 * cost("at")
    assert cost("any", rows=ROWS * 100) > 2 * cost("any")
    assert cost("id", rows=ROWS * 100) == pytest.approx(cost("id"), rel=0.05)


def test_a_lost_hot_update_pays_for_every_index() -> None:
    assert hot_loss_ms([0.004, 0.006]) == pytest.approx(0.018)


def plan(kind: str, startup: float, total: float, *plans: dict[str, object], **more: object) -> dict[str, object]:
    keys = {name.replace("_", " "): value for name, value in more.items()}
    return {
        "Node Type": kind,
        "Startup Cost": startup,
        "Total Cost": total,
        "Plan Rows": 1,
        "Plans": list(plans),
        **keys,
    }


def replaced(root: dict[str, object], step: int, startup: float, total: float) -> float:
    return replaced_total(read_tree([{"Plan": root}]), {step: Cost(startup, total)})


SCAN = plan("Seq Scan", 0, 1000, Parent_Relationship="Outer")


def test_a_replaced_scan_alone_and_under_sorting_or_counting() -> None:
    assert replaced(SCAN, 1, 5, 40) == 40
    assert replaced(plan("Sort", 1050, 1060, SCAN), 2, 5, 40) == 100
    assert replaced(plan("Aggregate", 1010, 1010, SCAN, Strategy="Plain"), 2, 5, 40) == 50
    assert replaced(plan("Subquery Scan", 0, 1100, SCAN), 2, 5, 40) == 140


def test_limit_reads_its_share_and_pays_the_start() -> None:
    limit = plan("Limit", 0, 10, SCAN)  # a hundredth of the run
    assert replaced(limit, 2, 500, 600) == pytest.approx(501)
    sorted_first = plan("Limit", 1050, 1051, plan("Sort", 1050, 1060, SCAN, Parent_Relationship="Outer"))
    assert replaced(sorted_first, 3, 5, 40) == pytest.approx(91)


def test_the_inner_side_of_a_nested_loop_counts_for_each_outer_row() -> None:
    outer = plan("Seq Scan", 0, 100, Parent_Relationship="Outer", Plan_Rows=10)
    inner = plan("Seq Scan", 0, 1000, Parent_Relationship="Inner")
    loop = plan("Nested Loop", 0, 10110, outer, inner)
    assert replaced(loop, 3, 0, 10) == pytest.approx(210)
    assert replaced(loop, 2, 0, 40) == pytest.approx(10050)
    kept = plan(
        "Materialize", 0, 1005, plan("Seq Scan", 0, 1000, Parent_Relationship="Outer"), Parent_Relationship="Inner"
    )
    assert replaced(plan("Nested Loop", 0, 1200, outer, kept), 4, 0, 10) == pytest.approx(210)


def test_hash_join_append_and_subplans() -> None:
    hashed = plan("Hash", 500, 500, plan("Seq Scan", 0, 500, Parent_Relationship="Outer"), Parent_Relationship="Inner")
    join = plan("Hash Join", 500, 1600, SCAN, hashed)
    assert replaced(join, 2, 5, 40) == pytest.approx(640)
    assert replaced(join, 4, 5, 40) == pytest.approx(1140)
    members = [plan("Seq Scan", 0, 1000, Parent_Relationship="Member") for _ in range(3)]
    assert replaced(plan("Append", 0, 3000, *members), 3, 0, 10) == pytest.approx(2010)
    below = plan("Index Scan", 0, 8, Parent_Relationship="SubPlan", Subplan_Name="SubPlan 1")
    assert replaced(plan("Seq Scan", 0, 900, below, Filter="(SubPlan 1)"), 2, 0, 4) == pytest.approx(450)
    assert replaced(plan("Seq Scan", 0, 900, below, Filter="(hashed SubPlan 1)"), 2, 0, 4) == pytest.approx(896)
    first = plan("Aggregate", 0, 300, Parent_Relationship="InitPlan", Subplan_Name="InitPlan 1")
    assert replaced(plan("Seq Scan", 300, 900, first), 2, 0, 100) == pytest.approx(700)


def test_a_cheap_scan_needs_no_workers() -> None:
    share = plan("Seq Scan", 0, 10000, Parent_Relationship="Outer", Parallel_Aware=True)
    gather = plan("Gather", 1000, 11100, share, Workers_Planned=2)
    assert replaced(gather, 2, 5, 40) == pytest.approx(40)
    assert replaced(gather, 2, 0, 9000) == pytest.approx(9000)


def test_nothing_replaced_is_what_it_was() -> None:
    tree = read_tree([{"Plan": plan("Limit", 0, 10, SCAN)}])
    assert replaced_total(tree, {}) == 10


def test_which_predicates_leave_nulls_out() -> None:
    assert null_tests("a > 1", "a") is False
    assert null_tests("a IS NULL", "a") is True
    assert null_tests("b > 1", "a") is None
