"""UPDATE and DELETE of whole tables in batches, where that comes to the same."""

from __future__ import annotations

from typing import Any

from postai.database.identifiers import quote_ident
from postai.migrate import catalog_conditions as that
from postai.migrate import naming
from postai.migrate.picture import Relation
from postai.migrate.rewrites.columns import backfill
from postai.migrate.types import Backfill, PlannedStep
from postai.migrate.work import Work, expression_text
from postai.sql.nodes import messages


def update(work: Work, tree: Any) -> list[PlannedStep]:
    """UPDATE in batches: one table, values that do not depend on what is written."""
    relation = work.relation(tree.relation)
    why = _obstacle(work, relation, tree)
    if relation is None or why is not None:
        return [_whole(work, relation, tree, why)]
    where = expression_text(tree.where_clause) if tree.HasField("where_clause") else None
    assignments = {one.res_target.name: expression_text(one.res_target.val) for one in tree.target_list}
    reads: set[str] = set()
    for one in tree.target_list:
        reads |= set(naming.columns_of(one.res_target.val, [column.name for column in relation.columns]))
    simple = all(
        not one.res_target.indirection
        and one.res_target.val.WhichOneof("node") not in ("set_to_default", "multi_assign_ref")
        for one in tree.target_list
    )
    missing = [name for name in assignments if relation.column(name) is None]
    odd = [name for name in assignments if not missing and not _comparable(work, relation, name)]
    if not simple or missing or odd or reads & set(assignments):
        return [_whole(work, relation, tree, "a row that was written cannot be told from one that was not")]
    if any(name in _key_and_partition(relation) for name in assignments):
        return [_whole(work, relation, tree, "it writes the key that batches would walk along")]
    differs = " OR ".join(f"{quote_ident(name)} IS DISTINCT FROM ({text})" for name, text in assignments.items())
    condition = f"({differs})" if where is None else f"({where}) AND ({differs})"
    alias = f" AS {quote_ident(tree.relation.alias.aliasname)}" if tree.relation.HasField("alias") else ""
    if alias:
        return [_whole(work, relation, tree, "it uses another name for the table")]
    work.destructive = True
    _warn_batches(work, relation)
    return [backfill(work, relation, assignments, condition, relation.key_of_rows(), None)]


def delete(work: Work, tree: Any) -> list[PlannedStep]:
    """DELETE in batches."""
    relation = work.relation(tree.relation)
    why = _obstacle(work, relation, tree)
    if relation is not None and not relation.new:
        work.destructive = True
    if relation is None or why is not None:
        return [_whole(work, relation, tree, why)]
    if any(one.kind == "f" and one.table_oid == one.referenced_oid for one in relation.constraints):
        return [_whole(work, relation, tree, "its rows refer to each other")]
    if tree.relation.HasField("alias"):
        return [_whole(work, relation, tree, "it uses another name for the table")]
    condition = expression_text(tree.where_clause) if tree.HasField("where_clause") else "true"
    table = relation.full_name
    relation.written = True
    work.warn(f"rows of {table} are lost for good")
    _warn_batches(work, relation)
    return [
        work.step(
            f"DELETE FROM {table} WHERE {condition}",  # noqa: S608 - quoted names
            "batched",
            undo=None,
            pre=that.all_of(that.relation(table)),
            post=that.all_of(that.no_rows(table, condition)),
            on=relation,
            effort="backfill",
            backfill=Backfill(table, relation.key_of_rows(), {}, condition),
            contract=True,
        )
    ]


def _key_and_partition(relation: Relation) -> set[str]:
    return set(relation.key_of_rows()) | set(relation.named(relation.key_columns))


def _comparable(work: Work, relation: Relation, name: str) -> bool:
    """Whether values of the column can be compared for equality."""
    column = relation.column(name)
    if column is None or not column.type_oid:
        return column is not None and column.type not in ("json", "xml", "point")
    return bool(work.ask("comparable", column.type_oid)[0][0])


def _obstacle(work: Work, relation: Relation | None, tree: Any) -> str | None:
    """Why the statement must run at once; None = it can be taken apart, "" = there is no need to say."""
    if relation is None or relation.new:
        return ""
    fields = {field.name for field, _ in tree.ListFields()}
    if fields & {"from_clause", "using_clause", "returning_list", "with_clause", "returning_clause"}:
        return "it names other tables or returns rows"
    expressions = [one for one in messages(tree) if one.DESCRIPTOR.name in ("SubLink", "CurrentOfExpr", "ParamRef")]
    if expressions:
        return "it reads other rows"
    called = sorted({one.funcname[-1].string.sval for one in messages(tree) if one.DESCRIPTOR.name == "FuncCall"})
    if called and work.ask("any_volatile", called)[0][0]:
        return "it calls a function that may give another value each time"
    if relation.kind not in ("r", "p") or relation.blurred:
        return "it writes no ordinary table"
    if not relation.key_of_rows():
        return f"the table {relation.no_key}"
    return None


def _warn_batches(work: Work, relation: Relation) -> None:
    work.warn(f"{relation.full_name} is written in batches: others see some rows written and others not yet")


def _whole(work: Work, relation: Relation | None, tree: Any, why: str | None) -> PlannedStep:
    if relation is not None and not relation.new:
        work.destructive = relation.written = True
        if why:
            work.warn(
                f"statement {work.given} writes {relation.full_name} in one transaction ({why}): its rows stay locked"
                " until it is done"
            )
    return work.plain(tree, on=relation, effort="backfill" if relation is not None else "moment")


def insert(work: Work, tree: Any) -> list[PlannedStep]:
    """INSERT and MERGE run as they are."""
    relation = work.relation(tree.relation)
    if relation is not None:
        relation.written = True
    return [work.plain(tree, on=relation)]
