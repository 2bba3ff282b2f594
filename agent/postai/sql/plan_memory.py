"""Rules about memory and disk: what did not fit into work_mem, and pages read for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from postai.sql.plan_rules import BLOCK, PlanRule, Problem, by_share, count, percent, size
from postai.sql.plan_tree import PlanNode, PlanTree, number, plain

KB = 1024
RESOURCE = "https://www.postgresql.org/docs/current/runtime-config-resource.html"
USING_EXPLAIN = "https://www.postgresql.org/docs/current/using-explain.html"


def _work_mem(wanted: float) -> str:
    """The advice to raise work_mem to hold so many bytes, with room: rows in memory take more than on disk."""
    megabytes = max(8, 4 * -(-int(min(wanted, 1e14) * 2.5) // (4 * 1024 * 1024)))
    if megabytes > 2048:
        return (
            f"It would take a work_mem of about {size(wanted * 2.5)}, which is too much to give every session: let the "
            "statement handle fewer rows or narrower ones (filter earlier, drop columns), or give it an index."
        )
    return (
        f"SET work_mem = '{megabytes}MB' for this statement (or ALTER ROLE ... SET work_mem); each sort and hash of "
        "each session may use that much."
    )


def _on_disk(raw: Mapping[str, Any]) -> float:
    """Bytes that a sort wrote, from the keys of a node or of one worker."""
    if raw.get("Sort Space Type") == "Disk":
        return (number(raw.get("Sort Space Used")) or 0.0) * KB
    most = 0.0
    for key in ("Full-sort Groups", "Pre-sorted Groups"):
        groups = raw.get(key)
        if isinstance(groups, Mapping):
            for name, space in groups.items():
                if isinstance(space, Mapping) and "Disk" in str(name):
                    most = max(most, (number(space.get("Peak Sort Space Used")) or 0.0) * KB)
    return most


def sort_spill(node: PlanNode, tree: PlanTree) -> Problem | None:
    """A sort that wrote to disk."""
    if node.kind not in ("Sort", "Incremental Sort"):
        return None
    places = [_on_disk(raw) for raw in (node.raw, *node.objects("Workers"))]
    if not any(places):
        return None
    workers = f" in {sum(1 for one in places if one)} processes" if sum(1 for one in places if one) > 1 else ""
    return Problem(
        f"The sort did not fit into work_mem and wrote {size(sum(places))} to disk{workers}.",
        _work_mem(max(places)),
        by_share(max(tree.share(node.own), 0.1)),
    )


def hash_spill(node: PlanNode, tree: PlanTree) -> Problem | None:
    """A hash table in several batches: all but one were written to disk and read again."""
    batches = max(
        [number(raw.get(key)) or 0.0 for raw in (node.raw, *node.objects("Workers"))
         for key in ("Hash Batches", "HashAgg Batches")]
    )  # fmt: skip
    if batches <= 1:
        return None
    peak = (node.number("Peak Memory Usage") or 0.0) * KB
    disk = sum((number(raw.get("Disk Usage")) or 0.0) * KB for raw in (node.raw, *node.objects("Workers")))
    grown = node.number("Original Hash Batches")
    detail = f", {size(disk)} on disk" if disk else ""
    if grown and grown < batches:
        detail += f", where {count(grown)} were planned"
    whole = max(disk, peak * batches if node.kind == "Hash" else peak)
    share = tree.share(node.own)
    if node.kind == "Hash" and node.parent is not None:
        share = tree.share(node.own + node.parent.own)  # the join reads and writes the batches
    return Problem(
        f"The hash table did not fit into memory: {count(batches)} batches{detail}.",
        _work_mem(whole / 2.5 if node.kind == "Hash" else whole) + " hash_mem_multiplier raises it for hashes only.",
        by_share(max(share, 0.1)),
    )


def store_spill(node: PlanNode, tree: PlanTree) -> Problem | None:
    """Rows kept aside (materialized, WITH query, window) that were written to disk; PostgreSQL 17 and later say so."""
    if node.text("Storage") != "Disk":
        return None
    most = (node.number("Maximum Storage") or 0.0) * KB
    return Problem(
        f"The rows it keeps aside did not fit into work_mem: {size(most)} were written to disk.",
        _work_mem(most),
        by_share(max(tree.share(node.own), 0.1)),
    )


def memoize_evictions(node: PlanNode, tree: PlanTree) -> Problem | None:
    """A Memoize cache that threw entries away to make room."""
    raws = (node.raw, *node.objects("Workers"))
    if node.kind != "Memoize":
        return None
    lost = sum((number(raw.get(key)) or 0.0) for raw in raws for key in ("Cache Evictions", "Cache Overflows"))
    hits = sum(number(raw.get("Cache Hits")) or 0.0 for raw in raws)
    misses = sum(number(raw.get("Cache Misses")) or 0.0 for raw in raws)
    if lost < 100 or hits > 4 * misses:
        return None
    return Problem(
        f"The cache of looked-up rows was too small: {count(lost)} entries were thrown away, "
        f"{count(hits)} look-ups were found in it and {count(misses)} were not.",
        "Raise work_mem for this statement (hash_mem_multiplier counts too), or ANALYZE the tables: the planner took "
        "the values to repeat more often than they do.",
        by_share(tree.share(node.own)),
    )


def lossy_bitmap(node: PlanNode, tree: PlanTree) -> Problem | None:
    """A bitmap that remembers whole pages instead of rows, because it did not fit into work_mem."""
    raws = (node.raw, *node.objects("Workers"))
    lossy = sum(number(raw.get("Lossy Heap Blocks")) or 0.0 for raw in raws)
    exact = sum(number(raw.get("Exact Heap Blocks")) or 0.0 for raw in raws)
    if lossy < 1 or lossy * 10 < exact:
        return None
    again = node.removed("Rows Removed by Index Recheck")
    detail = f", so {count(again)} rows were read and thrown away" if again else ""
    return Problem(
        f"The bitmap did not fit into work_mem: {count(lossy)} of {count(lossy + exact)} pages are known only as "
        f"whole pages{detail}.",
        'Raise work_mem for this statement until no "Lossy Heap Blocks" are left, or make the index condition more '
        "selective (an index on more of the filtered columns).",
        by_share(tree.share(node.own)),
    )


def temp_blocks(node: PlanNode, tree: PlanTree) -> Problem | None:
    """Temporary blocks of a node that no other rule explains."""
    if sort_spill(node, tree) or hash_spill(node, tree) or store_spill(node, tree):
        return None
    if node.kind == "Hash Join" and (inner := node.below("Inner")) and hash_spill(inner, tree):
        return None
    own = (node.number("Temp Written Blocks") or 0.0) - sum(
        one.number("Temp Written Blocks") or 0.0 for one in node.children
    )
    if own < 128 or node.kind == "CTE Scan":
        return None
    return Problem(
        f"It wrote {size(own * BLOCK)} of temporary files.",
        _work_mem(own * BLOCK),
        by_share(tree.share(node.own)),
    )


def heap_fetches(node: PlanNode, tree: PlanTree) -> Problem | None:
    """An index-only scan that had to look into the table: the visibility map is behind."""
    fetches = node.number("Heap Fetches") or 0.0
    rows = node.rows or 0.0
    if node.kind != "Index Only Scan" or fetches < 100 or fetches * 10 < rows:
        return None
    table = plain(node.relation)
    share = f" ({percent(min(1.0, fetches / rows))} of its rows)" if rows else ""
    return Problem(
        f"The index-only scan looked {count(fetches)} times into the table{share}, because pages are not marked as "
        "visible to all.",
        f"VACUUM {table}; if it comes back, let autovacuum visit the table more often "
        "(autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor).",
        by_share(tree.share(node.own)),
    )


MEMORY_RULES: tuple[PlanRule, ...] = (
    PlanRule(
        "sort_spill", "A sort spilled to disk",
        "A sort whose rows do not fit into work_mem writes them to temporary files and merges those.",
        "Raise work_mem for the statement, sort fewer or narrower rows, or read them in order from an index.",
        f"{RESOURCE}#GUC-WORK-MEM", sort_spill,
    ),
    PlanRule(
        "hash_spill", "A hash table spilled to disk",
        "A hash table that does not fit into work_mem times hash_mem_multiplier is split into batches; all but one are "
        "written to temporary files and read again.",
        "Raise work_mem or hash_mem_multiplier for the statement, or give the hash fewer rows.",
        f"{RESOURCE}#GUC-HASH-MEM-MULTIPLIER", hash_spill,
    ),
    PlanRule(
        "store_spill", "Rows kept aside spilled to disk",
        "Materialized rows, WITH queries and windows keep rows for later; beyond work_mem they go to temporary files.",
        "Raise work_mem for the statement, or keep fewer rows.",
        f"{RESOURCE}#GUC-WORK-MEM", store_spill,
    ),
    PlanRule(
        "memoize_evictions", "The cache of a nested loop is too small",
        "Memoize keeps the rows of earlier look-ups; entries that are thrown away are looked up again.",
        "Raise work_mem or hash_mem_multiplier, or correct the estimate of distinct values with ANALYZE.",
        f"{RESOURCE}#GUC-HASH-MEM-MULTIPLIER", memoize_evictions,
    ),
    PlanRule(
        "lossy_bitmap", "A bitmap became lossy",
        "A bitmap beyond work_mem keeps pages instead of rows; every row of such a page is checked again.",
        "Raise work_mem, or use a more selective index.",
        USING_EXPLAIN, lossy_bitmap,
    ),
    PlanRule(
        "temp_blocks", "Temporary files were written",
        "Temporary files are written when the memory of a node is used up; disks are slower than memory.",
        "Raise work_mem for the statement, or handle fewer rows.",
        f"{RESOURCE}#GUC-WORK-MEM", temp_blocks,
    ),
    PlanRule(
        "heap_fetches", "An index-only scan reads the table",
        "Only pages that the visibility map marks as visible to all are answered from the index alone; VACUUM sets "
        "these marks.",
        "VACUUM the table, and let autovacuum do it more often.",
        "https://www.postgresql.org/docs/current/indexes-index-only-scans.html", heap_fetches,
    ),
)  # fmt: skip
