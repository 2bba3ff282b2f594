"""Plans in words: the arithmetic of shares, each rule on a small plan, and anything at all as input."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postai.database.catalog import Catalog, Column, Index, Table
from postai.sql.plan import NODE_RULES, PlanFinding, read_plan
from postai.sql.plan_expressions import index_keys, sort_columns
from postai.sql.plan_tree import label, read_tree
from postai.sql.plan_unusable import UNUSABLE_RULES
from postai.sql.plan_whole import WHOLE_RULES


def node(kind: str, ms: float = 10.0, rows: float = 1, loops: float = 1, *children: dict[str, Any], **more: Any) -> Any:
    """A node that ran; further keys with underscores for spaces."""
    keys = {name.replace("_", " "): value for name, value in more.items()}
    return {
        "Node Type": kind, "Actual Total Time": ms, "Actual Rows": rows, "Actual Loops": loops, "Plan Rows": rows,
        "Total Cost": 100.0, **keys, **({"Plans": list(children)} if children else {}),
    }  # fmt: skip


def plan(root: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [{"Plan": root, **{name.replace("_", " "): value for name, value in more.items()}}]


def problems(root: dict[str, Any], **more: Any) -> dict[str, list[PlanFinding]]:
    """Findings with a problem by rule id; each rule is asked alone."""
    tree = read_tree(plan(root, **more))
    found: dict[str, list[PlanFinding]] = {}
    for rule in NODE_RULES:
        for one in tree.nodes:
            if problem := rule.check(one, tree):
                row = PlanFinding(one.step, label(one), problem.text, problem.advice, problem.severity)
                found.setdefault(rule.id, []).append(row)
    for whole in WHOLE_RULES:
        for words, problem in whole.check(tree.parts[0], tree):
            found.setdefault(whole.id, []).append(PlanFinding(0, words, problem.text, problem.advice, problem.severity))
    return found


def own(root: dict[str, Any], **more: Any) -> list[float]:
    return [round(one.own, 6) for one in read_tree(plan(root, **more)).nodes]


# Arithmetic


def test_own_time_is_without_the_inputs_and_times_the_loops() -> None:
    inner = node("Index Scan", 0.01, 1, 1000, Parent_Relationship="Inner")
    outer = node("Seq Scan", 4, 1000, 1, Parent_Relationship="Outer")
    assert own(node("Nested Loop", 20, 1000, 1, outer, inner)) == [6, 4, 10]


def test_time_below_a_gather_is_divided_among_its_processes() -> None:
    scan = node("Seq Scan", 30, 100, 3, Parallel_Aware=True, Parent_Relationship="Outer")
    assert own(node("Gather", 34, 300, 1, scan, Workers_Launched=2)) == [4, 30]
    assert read_plan(plan(node("Gather", 34, 300, 1, scan, Workers_Launched=2)))[1].node.startswith(
        "Parallel Seq Scan, 300 rows in 3 loops, 30.0 ms (88 %"
    )


def test_a_with_query_counts_once_in_the_node_that_pulled_it() -> None:
    cte = node("Seq Scan", 50, 9, 1, Parent_Relationship="InitPlan", Subplan_Name="CTE c")
    first = node("CTE Scan", 60, 9, 1, CTE_Name="c", Parent_Relationship="Outer")
    second = node("CTE Scan", 5, 9, 1, CTE_Name="c", Parent_Relationship="Inner")
    assert own(node("Hash Join", 70, 9, 1, cte, first, second)) == [5, 50, 10, 5]


@pytest.mark.parametrize(
    ("name", "use"), [("InitPlan 1 (returns $0)", "(a > $0)"), ("InitPlan 1", "(InitPlan 1).col1")]
)
def test_an_initplan_counts_once_in_the_node_that_uses_it(name: str, use: str) -> None:
    value = node("Aggregate", 40, 1, 1, Parent_Relationship="InitPlan", Subplan_Name=name)
    scan = node("Seq Scan", 60, 9, 1, Parent_Relationship="Outer", Filter=use)
    assert own(node("Sort", 65, 9, 1, value, scan)) == [5, 40, 20]


def test_a_with_query_that_nobody_reads_adds_to_the_whole() -> None:
    insert = node("ModifyTable", 30, 0, 1, Parent_Relationship="InitPlan", Subplan_Name="CTE c", Operation="Insert")
    rows = read_plan(plan(node("Result", 10, 1, 1, insert), Execution_Time=40))
    assert [row.node for row in rows] == [
        "Result, 1 row, 10.0 ms (25 % of the time)",
        "Insert (CTE c), 0 rows, 30.0 ms (75 % of the time)",
    ]


def test_what_never_ran_costs_nothing() -> None:
    rows = read_plan(plan(node("Append", 1, 0, 1, node("Seq Scan", 0, 0, 0, Relation_Name="a"))))
    assert rows[1] == PlanFinding(2, "Seq Scan on a, never ran", "", "", "INFO")


def test_without_analyze_costs_are_shared_and_a_limit_scales_its_input() -> None:
    scan = {"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "x", "Total Cost": 1000.0, "Plan Rows": 12345}
    rows = read_plan(plan({"Node Type": "Limit", "Total Cost": 10.0, "Plan Rows": 1, "Plans": [scan]}))
    assert [row.node for row in rows] == [
        "Limit, about 1 row expected, cost 0 (0 % of the cost)",
        "Seq Scan on t x, about 12,345 rows expected, cost 10 (100 % of the cost)",
    ]


def test_the_node_of_the_manual() -> None:
    root = node("Seq Scan", 8.1, 12345, 1, Relation_Name="orders", Alias="o")
    assert (
        read_plan(plan(root, Execution_Time=13.0))[0].node
        == "Seq Scan on orders o, 12,345 rows, 8.1 ms (62 % of the time)"
    )


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"Node Type": "Aggregate", "Strategy": "Hashed", "Partial Mode": "Partial"}, "Partial HashAggregate"),
        ({"Node Type": "Hash Join", "Join Type": "Left"}, "Hash Left Join"),
        ({"Node Type": "Nested Loop", "Join Type": "Anti"}, "Nested Loop Anti Join"),
        ({"Node Type": "ModifyTable", "Operation": "Update", "Relation Name": "t"}, "Update on t"),
        ({"Node Type": "Index Scan", "Index Name": "i", "Relation Name": "t", "Scan Direction": "Backward"},
         "Index Scan Backward using i on t"),
        ({"Node Type": "Bitmap Index Scan", "Index Name": "i"}, "Bitmap Index Scan on i"),
        ({"Node Type": "Seq Scan", "Schema": "s", "Relation Name": "t", "Alias": "t"}, "Seq Scan on s.t"),
        ({"Node Type": "SetOp", "Strategy": "Hashed", "Command": "Except"}, "HashSetOp Except"),
    ],
)  # fmt: skip
def test_nodes_in_the_words_of_explain(raw: dict[str, Any], words: str) -> None:
    assert label(read_tree(plan(raw)).nodes[0]) == words


# Rules


def scan(**more: Any) -> dict[str, Any]:
    return node("Seq Scan", 10, 5, 1, Relation_Name="orders", Alias="o", **more)  # type: ignore[no-any-return]


def cases() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Rule id, a plan that it speaks about, and words of its advice."""
    yield (
        "missing_index",
        scan(Filter="((o.a = 1) AND (o.b > 2) AND (lower(o.c) = 'x'::text))", Rows_Removed_by_Filter=9000),
        "CREATE INDEX CONCURRENTLY ON orders (a, b)",
    )
    yield "missing_index", scan(Filter='("Größe" = 1)', Rows_Removed_by_Filter=9000), '("Größe")'
    yield (
        "missing_index",
        scan(Filter="(a <> 1)", Rows_Removed_by_Filter=9000),
        "No ordinary index serves this filter (a)",
    )
    yield "estimate_off", scan(Plan_Rows=5000, Filter="((a = 1) AND (b = 2))"), "ON a, b FROM orders"
    yield "estimate_off", scan(Plan_Rows=5000, Filter="(a = 1)"), "ALTER COLUMN a SET STATISTICS"
    yield "estimate_off", node("Function Scan", 1, 50_000, 1, Plan_Rows=100, Function_Name="f"), "ROWS n"
    yield "sort_spill", node("Sort", Sort_Space_Used=20_480, Sort_Space_Type="Disk"), "SET work_mem = '52MB'"
    yield "sort_spill", node("Sort", Workers=[{"Sort Space Used": 512, "Sort Space Type": "Disk"}]), "'8MB'"
    yield (
        "sort_spill",
        node("Incremental Sort", **{"Pre-sorted_Groups": {"Sort Space Disk": {"Peak Sort Space Used": 4096}}}),
        "work_mem",
    )
    yield (
        "hash_spill",
        node("Hash", Hash_Batches=8, Original_Hash_Batches=2, Peak_Memory_Usage=4096),
        "hash_mem_multiplier",
    )
    yield "hash_spill", node("Aggregate", Strategy="Hashed", **{"HashAgg_Batches": 5}, Disk_Usage=9000), "work_mem"
    yield "store_spill", node("Materialize", Storage="Disk", Maximum_Storage=5000), "work_mem"
    yield "memoize_evictions", node("Memoize", Cache_Hits=10, Cache_Misses=900, Cache_Evictions=800), "work_mem"
    yield "lossy_bitmap", node("Bitmap Heap Scan", Exact_Heap_Blocks=10, Lossy_Heap_Blocks=90), "work_mem"
    yield "temp_blocks", node("Function Scan", Temp_Written_Blocks=1000), "work_mem"
    yield "heap_fetches", node("Index Only Scan", 1, 500, 1, Heap_Fetches=400, Relation_Name="t"), "VACUUM t"
    yield (
        "filter_waste",
        node("Index Scan", 9, 3, 2, Alias="t", Filter="(b = 1)", Rows_Removed_by_Filter=900),
        "Add b to",
    )
    yield "filter_waste", node("Nested Loop", Rows_Removed_by_Join_Filter=90_000), "Join on columns that are equal"
    yield (
        "filter_waste",
        node("Bitmap Heap Scan", Rows_Removed_by_Index_Recheck=90_000),
        "answers the condition exactly",
    )
    yield (
        "nested_loop",
        node(
            "Nested Loop",
            50,
            9,
            1,
            node("Seq Scan", 1, 2000, 1, Parent_Relationship="Outer", Plan_Rows=3),
            node("Index Scan", 0.02, 1, 2000, Parent_Relationship="Inner"),
        ),
        "Correct the estimate (step 2)",
    )
    yield (
        "nested_loop",
        node(
            "Nested Loop",
            50,
            9,
            1,
            node("Seq Scan", 1, 200, 1, Parent_Relationship="Outer"),
            node("Seq Scan", 0.2, 1, 200, Parent_Relationship="Inner", Relation_Name="t"),
        ),
        "Make an index",
    )
    yield (
        "limit_sort",
        node(
            "Limit",
            9,
            5,
            1,
            node(
                "Sort",
                9,
                5,
                1,
                node("Seq Scan", 8, 50_000, 1, Relation_Name="t", Alias="t", Filter="(k = 1)"),
                Sort_Key=["at DESC", "id"],
            ),
        ),
        "ON t (k, at DESC, id)",
    )
    yield (
        "limit_sort",
        node("Limit", 9, 5, 1, node("Sort", 9, 5, 1, node("Hash Join", 8, 50_000, 1), Sort_Key=["(lower(a.b))"])),
        "(lower(a.b))",
    )
    yield "cte_scan", node("CTE Scan", CTE_Name="c", Rows_Removed_by_Filter=5000), "NOT MATERIALIZED"
    yield "function_scan", node("Function Scan", Function_Name="f", Rows_Removed_by_Filter=5000), "as an argument"
    yield "workers_missing", node("Gather", Workers_Planned=2, Workers_Launched=0), "max_parallel_workers"
    yield "disabled", node("Seq Scan", Disabled=True), "RESET"
    yield "disabled", node("Seq Scan", Startup_Cost=1e10), "RESET"


@pytest.mark.parametrize(("rule", "root", "advice"), list(cases()))
def test_each_rule_speaks(rule: str, root: dict[str, Any], advice: str) -> None:
    found = problems(root)
    assert rule in found
    assert advice in found[rule][0].advice
    assert {row.problem for row in found[rule]} <= {row.problem for row in read_plan(plan(root))}


def test_every_rule_has_a_case_and_words() -> None:
    assert {rule for rule, _, _ in cases()} == {rule.id for rule in NODE_RULES}
    for rule in (*NODE_RULES, *WHOLE_RULES, *UNUSABLE_RULES):
        assert rule.title and rule.why.endswith(".") and rule.fix.endswith(".")
        assert rule.docs.startswith("https://www.postgresql.org/docs/current/")


@pytest.mark.parametrize(
    "root",
    [
        scan(Filter="(a = 1)", Rows_Removed_by_Filter=100),
        node("Seq Scan", 5, 60, 1, Plan_Rows=2),
        node("Limit", 1, 5, 1, node("Seq Scan", 1, 5, 1, Plan_Rows=90_000)),
        node("BitmapAnd", 1, 0, 1, Plan_Rows=5000),
        node(
            "Nested Loop",
            9,
            9,
            1,
            node("Seq Scan", 1, 9, 1),
            node("Index Scan", 0.1, 1, 9, Parent_Relationship="Inner"),
        ),
        node("Sort", Sort_Space_Used=900, Sort_Space_Type="Memory"),
        node("Hash", Hash_Batches=1),
        node("Index Only Scan", 1, 5000, 1, Heap_Fetches=20),
        node("Bitmap Heap Scan", Exact_Heap_Blocks=900, Lossy_Heap_Blocks=2),
        node("Gather", Workers_Planned=2, Workers_Launched=2),
    ],
)
def test_small_things_are_silent(root: dict[str, Any]) -> None:
    assert problems(root) == {}


def test_an_error_that_is_handed_on_is_told_at_its_source() -> None:
    source = node("Seq Scan", 1, 5000, 1, Plan_Rows=5, Relation_Name="t")
    found = problems(node("Hash Join", 9, 5000, 1, node("Hash", 2, 5000, 1, source, Plan_Rows=5), Plan_Rows=5))
    assert [(row.step, row.severity) for row in found["estimate_off"]] == [(1, "LOW"), (3, "MEDIUM")]
    assert "begins at step 3" in found["estimate_off"][0].advice


def test_statements_as_a_whole() -> None:
    found = problems(
        node("ModifyTable", 10, 0, 1),
        Planning_Time=80,
        Execution_Time=60,
        JIT={"Functions": 7, "Timing": {"Total": 30.0}},
        Triggers=[
            {"Trigger Name": "RI_1", "Constraint Name": "orders_fk", "Relation": "customers", "Time": 40.0, "Calls": 9},
            {"Trigger Name": "audit", "Relation": "orders", "Time": 20.0, "Calls": 9},
            {"Trigger Name": "tiny", "Relation": "orders", "Time": 0.1, "Calls": 9},
        ],
    )
    assert [row.node for row in found["trigger_time"]] == [
        "Trigger of constraint orders_fk on customers, 9 calls, 40.0 ms (57 % of the time)",
        "Trigger audit on orders, 9 calls, 20.0 ms (29 % of the time)",
    ]
    assert "foreign key" in found["trigger_time"][0].advice
    assert "PREPARE" in found["planning_time"][0].advice
    assert "jit = off" in found["jit_time"][0].advice


# Expressions


@pytest.mark.parametrize(
    ("expression", "equal", "ordered", "others"),
    [
        ("((status)::text = 'open'::text)", ("status",), (), ()),
        ("(((a = 1) AND (b = ANY ('{1,2}'::integer[]))) AND (c >= 3))", ("a", "b"), ("c",), ()),
        ("((a > 1) OR (b = 2))", (), (), ("a", "b")),
        ("((name)::text ~~ 'ab%'::text)", (), ("name",), ()),
        ("((name)::text ~~ '%ab%'::text)", (), (), ("name",)),
        ("(NOT paid)", ("paid",), (), ()),
        ("(5 > a)", (), ("a",), ()),
        ("(a = b)", (), (), ("a", "b")),
        ("(t.a = other.b)", ("a",), (), ()),
        ("(a IS NULL)", ("a",), (), ()),
        ("((at)::date = '2024-01-01'::date)", (), (), ("at",)),
        ("(a > (InitPlan 1).col1)", (), ("a",), ()),
        ("((a = 1) AND (NOT (hashed SubPlan 1)))", ("a",), (), ()),
        ("(a = 1); drop table t", (), (), ()),
        ("what is this", (), (), ()),
        ("", (), (), ()),
    ],
)
def test_columns_of_a_filter(
    expression: str, equal: tuple[str, ...], ordered: tuple[str, ...], others: tuple[str, ...]
) -> None:
    found = index_keys(expression, "t", ["InitPlan 1", "SubPlan 1"])
    assert (found.equal, found.ordered, found.others) == (equal, ordered, others)


def test_how_texts_are_compared() -> None:
    begins = index_keys("(((name)::text ~~ 'ab%'::text) AND (b = 1))", "t")
    assert (begins.indexed, begins.searched) == (("b", "name text_pattern_ops"), ())
    assert index_keys("((name >= 'a'::text) AND (code = 'x'::text))", "t").indexed == ("code", "name")
    inside = index_keys("((name)::text ~~* '%ab%'::text)", "t")
    assert (inside.indexed, inside.searched, inside.computed) == ((), ("name",), frozenset())
    assert index_keys("(lower(name) = 'ab'::text)", "t").computed == {"name"}
    assert index_keys("((a > 1) OR (b = 2))", "t").computed == frozenset()


@pytest.mark.parametrize(
    ("condition", "advice"),
    [
        ("((a = 1) AND (b = 2))", "CREATE STATISTICS t_a_b (dependencies, mcv) ON a, b FROM t,"),
        ("(lower(a) = 'x'::text)", "CREATE STATISTICS t_a ON (the expression over a) FROM t,"),
        ("(a = 1)", "ALTER TABLE t ALTER COLUMN a SET STATISTICS 1000,"),
        ("((a)::text ~~ '%x%'::text)", "ALTER TABLE t ALTER COLUMN a SET STATISTICS 1000,"),
    ],
)
def test_what_a_wrong_estimate_wants(condition: str, advice: str) -> None:
    scan = node("Seq Scan", 10, 50_000, Relation_Name="t", Alias="t", Filter=condition, Plan_Rows=10)
    assert advice in problems(scan)["estimate_off"][0].advice


def test_a_pattern_inside_a_text_wants_trigrams() -> None:
    scan = node(
        "Seq Scan", 10, 5, Relation_Name="t", Alias="t", Filter="(a ~~ '%x%'::text)", Rows_Removed_by_Filter=9_000
    )
    assert "USING gin (a gin_trgm_ops)" in problems(scan)["missing_index"][0].advice


def test_columns_of_a_sort_key() -> None:
    both = frozenset({"t"})
    assert sort_columns(["t.at DESC", '"Größe" NULLS FIRST'], both) == ("at DESC", '"Größe" NULLS FIRST')
    assert sort_columns(["other.at"], both) is None
    assert sort_columns(["(a + 1)"], both) is None
    assert sort_columns(["a) FROM t; --"], both) is None
    assert sort_columns([], both) is None


# Anything at all

KINDS = (
    "Seq Scan",
    "Nested Loop",
    "Hash Join",
    "Gather",
    "Gather Merge",
    "CTE Scan",
    "Sort",
    "Limit",
    "Hash",
    "Aggregate",
    "ModifyTable",
    "Function Scan",
    "Index Only Scan",
    "Memoize",
    "Bitmap Heap Scan",
)
NUMBERS = st.one_of(
    st.integers(-5, 10**7), st.floats(allow_nan=True, allow_infinity=True), st.just(10**400), st.just(5e-324)
)
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
KEYS = (
    "Actual Rows",
    "Actual Loops",
    "Actual Total Time",
    "Plan Rows",
    "Total Cost",
    "Startup Cost",
    "Workers Launched",
    "Workers Planned",
    "Rows Removed by Filter",
    "Sort Space Used",
    "Hash Batches",
    "Temp Written Blocks",
    "Heap Fetches",
    "Peak Memory Usage",
    "Lossy Heap Blocks",
    "Maximum Storage",
)
HOSTILE = st.one_of(
    st.sampled_from(
        [
            "c",
            "t",
            "CTE c",
            "InitPlan 1 (returns $0)",
            "(a = $0)",
            "((a = 1) AND (b > 2))",
            "a\x1b[31m",
            "x\u202ey",
            "a\nb",
            '"; drop table t; --',
            "((lower(b) = 'x'::text) AND ((a)::numeric = 7.5) AND (b ~~ '%x'::text))",
        ]
    ),
    st.text(max_size=30),
)
TEXT_KEYS = (
    "Relation Name",
    "Alias",
    "Schema",
    "CTE Name",
    "Subplan Name",
    "Filter",
    "Index Cond",
    "Join Type",
    "Storage",
    "Sort Space Type",
    "Function Name",
    "Index Name",
)


def random_nodes(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    keys = st.fixed_dictionaries(
        {"Node Type": st.sampled_from(KINDS)},
        optional={
            **dict.fromkeys(KEYS, numbers),
            **dict.fromkeys(TEXT_KEYS, HOSTILE),
            "Parent Relationship": st.sampled_from(["Outer", "Inner", "InitPlan", "SubPlan", "Member"]),
            "Sort Key": st.lists(HOSTILE, max_size=2),
            "Inner Unique": st.booleans(),
        },
    )

    def with_children(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        return st.builds(lambda one, children: {**one, "Plans": children}, keys, st.lists(inner, max_size=3))

    return st.recursive(keys, with_children, max_leaves=12)


CATALOG = Catalog(
    "d", 150000, "",
    (Table(
        7, "s", "t", "table", row_estimate=10**6,
        columns=(Column(1, "a", "integer", 23, "int4", "N"), Column(2, "b", "text", 25, "text", "S")),
        indexes=(Index(8, "t_a", ("a",)), Index(9, "t_b", ("b", None), ("lower(b)",), predicate="(a > 1)")),
    ),),
)  # fmt: skip
"""What a plan of random names may happen to hit."""


@settings(max_examples=150, deadline=None)
@given(random_nodes(st.one_of(NUMBERS, st.floats(0, 1e6), st.integers(0, 1000))), st.booleans())
def test_any_tree_gives_rows_and_shares_that_add_up(root: dict[str, Any], timed: bool) -> None:
    document = plan(root, **({"Execution_Time": 5.0} if timed else {}))
    rows, tree = read_plan(document, CATALOG), read_tree(document)
    assert {row.step for row in rows} >= {one.step for one in tree.nodes}
    assert [row.step for row in rows] == sorted(row.step for row in rows)
    assert all(one.own >= 0 and math.isfinite(one.own) for one in tree.nodes)
    assert math.fsum(tree.share(one.own) for one in tree.nodes) <= 1 + 1e-6
    for row in rows:
        assert row.node.isprintable() and row.problem.isprintable() and row.advice.isprintable()
        assert bool(row.problem) == bool(row.advice) == (row.severity != "INFO")


@settings(max_examples=150, deadline=None)
@given(JUNK, st.dictionaries(st.sampled_from([*KEYS, *TEXT_KEYS, "Plans", "Workers", "Node Type"]), JUNK))
def test_junk_gives_no_error(junk: Any, keys: dict[str, Any]) -> None:
    read_plan(junk)
    for document in (
        [{"Plan": junk, "Triggers": junk, "JIT": junk, "Planning Time": junk}],
        [{"Plan": keys, "JIT": keys}],
    ):
        read_plan(document)


def test_deep_and_wide_plans() -> None:
    root = node("Seq Scan")
    for _ in range(3000):
        root = node("Append", 10, 1, 1, root)
    assert len(read_plan(plan(root))) == 3001
    wide = node("Append", 10, 1, 1, *[node("CTE Scan", CTE_Name="c", Filter="(a > $0)") for _ in range(500)])
    assert len(read_plan(json.loads(json.dumps(plan(wide))))) == 501
