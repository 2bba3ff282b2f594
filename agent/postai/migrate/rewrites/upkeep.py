"""VACUUM, CLUSTER and REFRESH MATERIALIZED VIEW."""

from __future__ import annotations

from typing import Any

from postai.migrate import catalog_conditions as that
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work, full_name


def vacuum(work: Work, tree: Any) -> list[PlannedStep]:
    """VACUUM and ANALYZE as they are; VACUUM FULL is refused."""
    full = any(one.def_elem.defname == "full" and _on(one.def_elem) for one in tree.options)
    named = [one.vacuum_relation.relation for one in tree.rels]
    if full:
        tables = ", ".join(full_name(one.schemaname, one.relname) for one in named) or "every table"
        work.refused.append(
            f"VACUUM FULL writes {tables} anew while nobody may read or write it; plain VACUUM makes the space usable"
            " again without that, and pg_repack or pg_squeeze give it back while the table is in use"
        )
        return []
    relation = work.relation(named[0]) if named else None
    return [work.plain(tree, undo="", alone=tree.is_vacuumcmd, on=relation, effort="scan" if relation else "moment")]


def _on(option: Any) -> bool:
    if not option.HasField("arg"):
        return True
    value = option.arg
    if value.WhichOneof("node") == "string":
        return value.string.sval.lower() in ("true", "on", "1")
    return bool(value.WhichOneof("node") != "integer" or value.integer.ival != 0)


def cluster(work: Work, tree: Any) -> list[PlannedStep]:
    """CLUSTER is refused."""
    table = full_name(tree.relation.schemaname, tree.relation.relname) if tree.HasField("relation") else "every table"
    work.refused.append(
        f"CLUSTER writes {table} anew while nobody may read or write it; pg_repack puts the rows in order while the"
        " table is in use, and a covering index often serves as well"
    )
    return []


def refresh(work: Work, tree: Any) -> list[PlannedStep]:
    """REFRESH MATERIALIZED VIEW CONCURRENTLY where a unique index of plain columns allows it."""
    relation = work.relation(tree.relation)
    name = full_name(tree.relation.schemaname, tree.relation.relname)
    if relation is None or relation.new:
        return [work.plain(tree, undo="")]
    usable = [one for one in relation.indexes if one.unique and one.valid and not one.partial and not one.expressions]
    if not tree.concurrent and not tree.skip_data and relation.populated:
        if usable:
            tree.concurrent = True
        else:
            work.warn(
                f"reads of {name} wait until it is refreshed; a unique index on plain columns lets it be refreshed"
                " CONCURRENTLY"
            )
    return [work.plain(tree, undo="", pre=that.all_of(that.relation(name, "m")), on=relation, effort="rewrite")]
