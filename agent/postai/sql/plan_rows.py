"""Rules about rows: estimates that are far off, rows read for nothing, indexes that are missing, loops that explode."""

from __future__ import annotations

from postai.database.identifiers import quote_ident
from postai.sql.plan_expressions import IndexKeys, index_keys, sort_columns
from postai.sql.plan_rules import (
    COPIES,
    MANY_LOOPS,
    MANY_ROWS,
    SORTED_ROWS,
    PlanRule,
    Problem,
    Severity,
    by_share,
    count,
    percent,
    rows_of,
)  # fmt: skip
from postai.sql.plan_tree import PlanNode, PlanTree, label, plain

USING_EXPLAIN = "https://www.postgresql.org/docs/current/using-explain.html"
FAR_OFF = 10.0
VERY_FAR_OFF = 100.0
FEW_ROWS = 100.0
"""When neither the estimate nor the truth reaches this, no other plan would have been chosen."""
JOINS = frozenset({"Nested Loop", "Hash Join", "Merge Join"})
GROUPINGS = frozenset({"Aggregate", "Group", "Unique", "SetOp", "HashSetOp"})
NO_ROW_COUNT = frozenset({"BitmapAnd", "BitmapOr", "ModifyTable"})
"""Nodes whose actual rows EXPLAIN does not count (manual, 14.1.3 Caveats), or that give none."""


def estimate_factor(node: PlanNode) -> float:
    """How far the estimate is off: 20 = twenty times as many rows came as were expected, 0.05 = twenty times fewer; 1
    where the two cannot be compared."""
    expected, actual = node.number("Plan Rows"), node.number("Actual Rows")
    if expected is None or actual is None or not node.ran or node.kind in NO_ROW_COUNT:
        return 1.0
    factor = max(actual, 1.0) / max(expected, 1.0)
    if factor < 1.0 and _may_end_early(node):
        return 1.0
    if factor > 1.0 and node.kind in ("Sort", "Materialize") and _is_read_again(node):
        return 1.0
    return factor


def _may_end_early(node: PlanNode) -> bool:
    """Whether what is above may stop asking for rows: LIMIT, a semi-join, a merge join that has seen enough."""
    below, above = node, node.parent
    while above is not None:
        if above.kind in ("Limit", "Merge Join") or above.number("Actual Loops") == 0:
            return True
        inner = below.text("Parent Relationship") == "Inner"
        if inner and (above.text("Join Type") in ("Semi", "Anti") or above.raw.get("Inner Unique") is True):
            return True
        if below.text("Parent Relationship") in ("InitPlan", "SubPlan"):
            return True
        if above.kind in ("Sort", "Hash", "Aggregate") and above.text("Strategy") not in ("Sorted",):
            return False
        below, above = above, above.parent
    return False


def _is_read_again(node: PlanNode) -> bool:
    """The inner side of a merge join counts rows that it gives again after a step back (14.1.3 Caveats)."""
    return node.parent is not None and node.parent.kind == "Merge Join"


def _is_off(node: PlanNode) -> bool:
    factor = estimate_factor(node)
    largest = max(node.number("Plan Rows") or 0.0, node.number("Actual Rows") or 0.0)
    return (factor >= FAR_OFF or factor <= 1 / FAR_OFF) and largest >= FEW_ROWS


def _origin(node: PlanNode) -> PlanNode:
    """The lowest node from which an estimate is off without a break."""
    while True:
        off = [one for one in node.children if one.text("Parent Relationship") != "InitPlan" and _is_off(one)]
        if not off:
            return node
        node = off[0]


def estimate_off(node: PlanNode, tree: PlanTree) -> Problem | None:
    """Ten times or more between expected and actual rows; said at its source, and at joins above it."""
    if not _is_off(node):
        return None
    origin = _origin(node)
    if origin is not node and node.kind in COPIES:
        return None
    factor = estimate_factor(node)
    times = factor if factor > 1 else 1 / factor
    expected, actual = node.number("Plan Rows") or 0.0, node.number("Actual Rows") or 0.0
    each = " in each loop" if node.loops > 1 else ""
    text = (
        f"{count(expected)} {_rows(expected)} expected, {count(actual)} came{each}: the estimate is "
        f"{count(times)} times too {'low' if factor > 1 else 'high'}."
    )
    if origin is not node:
        return Problem(text, f"The error begins at step {origin.step} ({label(origin)}): correct it there.", "LOW")
    severity: Severity = "HIGH" if times >= VERY_FAR_OFF and max(expected, actual) >= SORTED_ROWS else "MEDIUM"
    if max(expected, actual) < MANY_ROWS:
        severity = "LOW"
    return Problem(text, _estimate_advice(node, tree), severity)


def _rows(amount: float) -> str:
    return "row" if amount == 1 else "rows"


def _estimate_advice(node: PlanNode, tree: PlanTree) -> str:
    table = plain(node.relation)
    if node.kind in ("Function Scan", "Table Function Scan", "ProjectSet"):
        return "PostgreSQL does not look into functions: state how many rows it gives (ALTER FUNCTION ... ROWS n)."
    if node.kind in ("CTE Scan", "WorkTable Scan", "Recursive Union", "Subquery Scan", "Values Scan", "Foreign Scan"):
        extra = " ANALYZE the foreign table, or set use_remote_estimate." if node.kind == "Foreign Scan" else ""
        return f"There are no statistics for what is computed on the way.{extra} If it chooses a bad plan, keep the " \
            "rows in a temporary table and ANALYZE that."  # fmt: skip
    if table:
        keys = _filter_keys(node, tree, ("Filter", "Index Cond", "Recheck Cond"))
        columns = keys.all
        advice = f"ANALYZE {table}."
        # A name is needed before PostgreSQL 16.
        named = plain(quote_ident("_".join((node.text("Relation Name"), *columns))[:50]))
        if columns and keys.computed.issuperset(columns):
            return (
                f"{advice} If it stays, let it keep statistics of the expression: CREATE STATISTICS {named} ON "
                f"(the expression over {', '.join(plain(quote_ident(one)) for one in columns[:8])}) FROM {table}, "
                f"then ANALYZE {table} again."
            )
        if len(columns) > 1:
            names = ", ".join(plain(quote_ident(one)) for one in columns[:8])
            return (
                f"{advice} If it stays, the columns depend on each other: CREATE STATISTICS {named} "
                f"(dependencies, mcv) ON {names} FROM {table}, then ANALYZE {table} again."
            )
        if columns:
            return (
                f"{advice} If it stays, keep more statistics: ALTER TABLE {table} ALTER COLUMN "
                f"{plain(quote_ident(columns[0]))} SET STATISTICS 1000, then ANALYZE {table} again."
            )
        return advice
    if node.kind in JOINS:
        return (
            "ANALYZE the joined tables. A filter on one side that decides about the other side cannot be foreseen: "
            "filter both sides, or join on the filtered column."
        )
    if node.kind in GROUPINGS:
        return (
            "ANALYZE the tables. For a group of several columns: CREATE STATISTICS name (ndistinct) ON those columns; "
            "for one column: ALTER TABLE ... ALTER COLUMN ... SET (n_distinct = ...)."
        )
    return "ANALYZE the tables below."


def _filter_keys(node: PlanNode, tree: PlanTree, keys: tuple[str, ...]) -> IndexKeys:
    """The columns in a node's conditions."""
    conditions = [f"({node.text(key)})" for key in keys if node.text(key)]
    if not conditions:
        return IndexKeys()
    alias = node.text("Alias") or node.text("Relation Name")
    return index_keys(" AND ".join(dict.fromkeys(conditions)), alias, tree.subplans)


def missing_index(node: PlanNode, tree: PlanTree) -> Problem | None:
    """A whole table read for a few of its rows."""
    if node.kind != "Seq Scan" or not node.text("Filter") or node.never_ran:
        return None
    kept = rows_of(node)
    if tree.analyzed:
        removed = node.removed("Rows Removed by Filter")
        if removed < MANY_ROWS or removed < 9 * kept:
            return None
        text = f"The whole table is read for {percent(kept / (kept + removed))} of it: {count(removed)} rows were " \
            f"thrown away by the filter, {count(kept)} kept."  # fmt: skip
        severity = by_share(tree.share(node.own))
    else:
        cost = node.number("Total Cost") or 0.0
        if cost < MANY_ROWS or kept * 10 > cost:  # each row of a table costs at most about 1, most far less
            return None
        text = f"The whole table is to be read (cost {count(cost)}) for about {count(kept)} {_rows(kept)}."
        severity = by_share(tree.share(node.own))
    found = _filter_keys(node, tree, ("Filter",))
    if not found.columns:
        if found.searched and (column := quote_ident(found.searched[0])).isprintable():
            return Problem(
                text,
                f"No ordinary index finds a pattern inside {plain(column)}; one of the extension pg_trgm does, for "
                f"patterns with three letters in a row: USING gin ({plain(column)} gin_trgm_ops).",
                severity,
            )
        seen = f" ({', '.join(plain(one) for one in found.all[:8])})" if found.all else ""
        return Problem(
            text,
            f"No ordinary index serves this filter{seen}: compare columns with values by =, <, > or IN, or make an "
            "index on the very expression.",
            severity,
        )
    names = ", ".join(found.indexed)
    table = ".".join(quote_ident(one) for one in (node.text("Schema"), node.text("Relation Name")) if one)
    if not f"{names}{table}".isprintable():
        return Problem(text, "Make an index on the columns of the filter.", severity)
    return Problem(text, f"If this is asked often: CREATE INDEX CONCURRENTLY ON {table} ({names}).", severity)


def filter_waste(node: PlanNode, tree: PlanTree) -> Problem | None:
    """Rows that were fetched or joined, and then thrown away; whole tables are `missing_index`."""
    kept = node.rows or 0.0
    findings = (
        ("Rows Removed by Join Filter", "the join filter",
         "Join on columns that are equal (and indexed), so that pairs are found instead of tried."),
        ("Rows Removed by Index Recheck", "the recheck of the index condition",
         "Use an index that answers the condition exactly, or raise work_mem if the bitmap is lossy."),
        ("Rows Removed by Filter", "the filter", ""),
    )  # fmt: skip
    for key, what, advice in findings:
        removed = node.removed(key) if node.ran else 0.0
        if removed < MANY_ROWS or removed < 9 * kept:
            continue
        if key == "Rows Removed by Filter" and node.kind in ("Seq Scan", "CTE Scan", "Function Scan"):
            continue
        if key == "Rows Removed by Index Recheck" and (node.number("Lossy Heap Blocks") or 0) > 0:
            continue
        share = removed / (removed + kept)
        return Problem(
            f"{count(removed)} rows ({percent(share)}) were thrown away by {what}, {count(kept)} kept.",
            advice or _filter_advice(node, tree),
            by_share(tree.share(node.own)),
        )
    return None


def _filter_advice(node: PlanNode, tree: PlanTree) -> str:
    columns = _filter_keys(node, tree, ("Filter",)).columns
    names = ", ".join(plain(quote_ident(one)) for one in columns)
    if node.kind in ("Index Scan", "Index Only Scan", "Bitmap Heap Scan"):
        if columns:
            return f"Add {names} to the index, so that these rows are never fetched."
        return "Use an index that holds the filtered expression too, so that these rows are never fetched."
    if node.kind == "Subquery Scan":
        return "Write the condition inside the subquery, before it groups, sorts or limits."
    if node.kind == "Aggregate":
        return "This is HAVING: move what does not need the aggregate to WHERE."
    return "Filter earlier: before the rows are joined or computed."


def nested_loop(node: PlanNode, tree: PlanTree) -> Problem | None:
    """An inner side that runs very often and takes its time."""
    inner = node.below("Inner") if node.kind == "Nested Loop" else None
    if inner is None:
        return None
    outer = node.below("Outer")
    expected = (outer.number("Plan Rows") or 0.0) if outer else 0.0
    loops = inner.loops if tree.analyzed else expected
    spent = sum(one.own for one in tree.nodes[inner.step - 1 : inner.last])
    whole = [one for one in tree.nodes[inner.step - 1 : inner.last] if one.kind == "Seq Scan" and one.loops >= loops]
    if loops < (FEW_ROWS if whole else MANY_LOOPS) or tree.share(spent) < 0.2:
        return None
    what = f"The inner side {'ran' if tree.analyzed else 'is to run'} {count(loops)} times and " \
        f"{'took' if tree.analyzed else 'takes'} {percent(tree.share(spent))} of the whole"  # fmt: skip
    if tree.analyzed and outer and _is_off(outer) and estimate_factor(outer) > 1:
        return Problem(
            f"{what}; the plan was made for {count(expected)} {_rows(expected)}.",
            f"Correct the estimate (step {_origin(outer).step}): with the true number the planner would choose a hash "
            "or merge join.",
            "HIGH",
        )
    if whole:
        return Problem(
            f"{what}, reading {label(whole[0])} from end to end each time.",
            f"Make an index on the columns by which {plain(whole[0].relation) or 'the inner table'} is joined, or "
            "compare with = so that a hash join is possible.",
            "HIGH",
        )
    return Problem(
        f"{what}.",
        "Let fewer rows reach the loop (filter earlier), or see whether a hash join is faster: raise work_mem, and "
        "check random_page_cost if the disk is an SSD.",
        by_share(tree.share(spent)),
    )


def limit_sort(node: PlanNode, tree: PlanTree) -> Problem | None:
    """Everything is sorted to give the first few rows."""
    if node.kind != "Limit" or not node.children:
        return None
    sort = node.children[-1]
    while sort.kind in ("Gather Merge", "Subquery Scan", "LockRows", "Result") and sort.children:
        sort = sort.children[-1]
    if sort.kind != "Sort" or not sort.children or sort.never_ran:
        return None
    sorted_rows, given = rows_of(sort.children[-1]), rows_of(node)
    if sorted_rows < SORTED_ROWS or given * 100 > sorted_rows:
        return None
    spent = sum(one.own for one in tree.nodes[sort.step - 1 : sort.last])
    keys = sort.texts("Sort Key")
    source = sort.children[-1]
    advice = "An index in this order would give the first rows without sorting: " + ", ".join(
        plain(one, 200) for one in keys[:8]
    )
    if source.relation and source.kind in ("Seq Scan", "Index Scan", "Bitmap Heap Scan"):
        columns = sort_columns(keys, frozenset({source.text("Alias"), source.text("Relation Name")}))
        table = ".".join(quote_ident(one) for one in (source.text("Schema"), source.text("Relation Name")) if one)
        if columns and f"{columns}{table}".isprintable():
            equal = _filter_keys(source, tree, ("Filter", "Index Cond", "Recheck Cond")).equal
            first = [quote_ident(one) for one in equal if quote_ident(one) not in columns]
            advice = (
                "An index gives the first rows without reading the others: CREATE INDEX CONCURRENTLY ON "
                f"{table} ({', '.join([*first, *columns])})"
            )
    return Problem(
        f"{count(sorted_rows)} rows are sorted for the first {count(given)}.", f"{advice}.", by_share(tree.share(spent))
    )


def cte_scan(node: PlanNode, tree: PlanTree) -> Problem | None:
    """A WITH query that is computed whole, though a filter wants little of it."""
    removed = node.removed("Rows Removed by Filter") if node.ran else 0.0
    if node.kind != "CTE Scan" or removed < MANY_ROWS or removed < 9 * (node.rows or 0.0):
        return None
    return Problem(
        f"The WITH query {plain(node.text('CTE Name'))} was computed whole, then {count(removed)} of its rows were "
        f"thrown away and {count(node.rows or 0.0)} kept.",
        "Write the condition inside the WITH query, or AS NOT MATERIALIZED so that the planner can move it there.",
        by_share(tree.share(node.own)),
    )


def function_scan(node: PlanNode, tree: PlanTree) -> Problem | None:
    """A function whose rows are filtered or joined afterwards."""
    removed = node.removed("Rows Removed by Filter") if node.ran else 0.0
    if (
        node.kind not in ("Function Scan", "Table Function Scan")
        or removed < MANY_ROWS
        or removed < 9 * (node.rows or 0)
    ):
        return None
    return Problem(
        f"The function gave {count(removed + (node.rows or 0.0))} rows, of which {count(removed)} were thrown away.",
        "Give the condition to the function as an argument; a function in language sql that is STABLE and one SELECT "
        "is taken into the plan, so that the filter reaches its tables.",
        by_share(tree.share(node.own)),
    )


def disabled(node: PlanNode, tree: PlanTree) -> Problem | None:
    """A node that a setting forbids, chosen because there was no other way."""
    startup = node.number("Startup Cost") or 0.0
    below = max([one.number("Startup Cost") or 0.0 for one in node.children], default=0.0)
    if node.raw.get("Disabled") is not True and not (startup >= 1e10 > below):
        return None
    return Problem(
        "This kind of node is switched off by a setting (enable_...), and there was no other way.",
        "RESET the enable_ settings of this session; they are for experiments.",
        "LOW" if tree.share(node.own) < 0.1 else "MEDIUM",
    )


def workers_missing(node: PlanNode, _tree: PlanTree) -> Problem | None:
    """Fewer parallel workers than planned."""
    planned, launched = node.number("Workers Planned"), node.number("Workers Launched")
    if planned is None or launched is None or launched >= planned or not node.ran:
        return None
    return Problem(
        f"{count(planned)} parallel workers were planned, {count(launched)} could be launched.",
        "Others used them: raise max_parallel_workers and max_worker_processes, or run fewer parallel statements at "
        "once (max_parallel_workers_per_gather).",
        "MEDIUM" if launched == 0 else "LOW",
    )


ROW_RULES: tuple[PlanRule, ...] = (
    PlanRule(
        "estimate_off", "The estimated number of rows is far off",
        "The planner chooses joins and memory by expected rows; ten times off is often another plan.",
        "ANALYZE; extended statistics (CREATE STATISTICS) for columns that depend on each other.",
        "https://www.postgresql.org/docs/current/planner-stats.html", estimate_off,
    ),
    PlanRule(
        "missing_index", "A whole table is read for a few rows",
        "A sequential scan reads every page; an index on the filtered columns reads only what is kept.",
        "CREATE INDEX CONCURRENTLY on the columns of the filter, equal ones first.",
        f"{USING_EXPLAIN}#USING-EXPLAIN-BASICS", missing_index,
    ),
    PlanRule(
        "filter_waste", "A filter throws most rows away",
        "Rows are fetched, joined or computed before the filter rejects them.",
        "Put the filtered columns into the index, or filter earlier.",
        f"{USING_EXPLAIN}#USING-EXPLAIN-ANALYZE", filter_waste,
    ),
    PlanRule(
        "nested_loop", "A nested loop runs its inner side very often",
        "The inner side runs once for each outer row; that is good for few rows and bad for many.",
        "Correct the estimate of the outer side, index the joined columns, or filter earlier.",
        f"{USING_EXPLAIN}#USING-EXPLAIN-ANALYZE", nested_loop,
    ),
    PlanRule(
        "limit_sort", "Everything is sorted for the first few rows",
        "LIMIT over a sort must read and compare all rows; an index in that order can stop after the first few.",
        "CREATE INDEX CONCURRENTLY on the sorted columns, after those that are compared with =.",
        "https://www.postgresql.org/docs/current/indexes-ordering.html", limit_sort,
    ),
    PlanRule(
        "cte_scan", "A WITH query is computed whole",
        "A materialized WITH query cannot use the conditions of those who read it.",
        "Write the condition inside, or AS NOT MATERIALIZED.",
        "https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-CTE-MATERIALIZATION", cte_scan,
    ),
    PlanRule(
        "function_scan", "Rows of a function are thrown away",
        "What a function gives is computed whole before a filter sees it.",
        "Give the condition to the function, or write it in SQL so that it can be inlined.",
        "https://www.postgresql.org/docs/current/xfunc-sql.html", function_scan,
    ),
    PlanRule(
        "workers_missing", "Parallel workers were not launched",
        "Workers come from a pool of the whole server; when it is empty, the leader does the work alone.",
        "Raise max_parallel_workers and max_worker_processes, or use fewer at once.",
        "https://www.postgresql.org/docs/current/how-parallel-query-works.html", workers_missing,
    ),
    PlanRule(
        "disabled", "A disabled node was chosen",
        "The enable_ settings forbid kinds of nodes; where nothing else can do it, the planner uses them all the same.",
        "RESET the setting.",
        "https://www.postgresql.org/docs/current/runtime-config-query.html#RUNTIME-CONFIG-QUERY-ENABLE", disabled,
    ),
)  # fmt: skip
