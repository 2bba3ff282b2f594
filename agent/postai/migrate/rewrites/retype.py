"""Another type for a column: at once where no row is written, else through a second column that takes its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import qualified, quote_ident, quote_literal
from postai.database.named_sql import load
from postai.migrate import catalog_conditions as that
from postai.migrate import naming
from postai.migrate.picture import Column, Index, Relation
from postai.migrate.rewrites.columns import backfill, volatile
from postai.migrate.rewrites.swap import Change, Swap, trigger_name
from postai.migrate.types import PlannedStep
from postai.migrate.work import (
    Work,
    expression_text,
    parsed,
    subcommand,
)
from postai.sql.nodes import messages

_LENGTH = re.compile(r"(.*?)\((\d+)(?:,(-?\d+))?\)(.*)")


def alter_type(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """ALTER COLUMN ... TYPE."""
    column = relation.column(command.name)
    definition = getattr(command, "def").column_def
    wanted = work.type_name(definition.type_name)
    if column is None or relation.new or relation.blurred or wanted is None:
        return [_direct(work, relation, command, column, wanted, rewrites=False)]
    using = definition.raw_default if definition.HasField("raw_default") else None
    if definition.HasField("coll_clause"):
        work.warn(f"another collation builds the indexes on {quote_ident(column.name)} anew")
        return [_direct(work, relation, command, column, wanted, rewrites=True)]
    if using is None and column.type == wanted:
        return [_direct(work, relation, command, column, wanted, rewrites=False)]
    work.warn(
        f"sessions that prepared a statement that gives {quote_ident(column.name)} of {relation.full_name} get an error"
        ' from it ("cached plan must not change result type", 0A000) until they prepare it anew: let clients that keep'
        " prepared statements reconnect"
    )
    if using is None and _needs_no_rewrite(work, column, wanted) and not _orders_anew(relation, column, wanted):
        return [_direct(work, relation, command, column, wanted, rewrites=False)]
    misfit = _misfit(column, wanted) if using is None else None
    if misfit is not None:
        noted = work.check(relation, misfit, f"values of {quote_ident(column.name)} do not fit {wanted}")
    else:
        misfit = _uncastable(work, column, wanted, using)
        words = f"values of {quote_ident(column.name)} of {relation.full_name} are no {wanted}"
        noted = misfit is not None and work.check(relation, misfit, words)
    obstacle = _obstacle(work, relation, column, using)
    if obstacle is None and work.ask("of_rows", wanted)[0][0]:
        obstacle = "a row with a NULL in it cannot be told from one that was not filled"
    if obstacle is not None:
        work.warn(
            f"the type of {quote_ident(column.name)} of {relation.full_name} cannot be changed online: {obstacle};"
            " the table is written anew, and reads and writes wait until that is done"
        )
        return [_direct(work, relation, command, column, wanted, rewrites=True)]
    # What a type of somebody takes in may run functions of theirs: the agent looks at its own kinds only.
    return _expand(work, relation, column, wanted, using, misfit if noted and "." not in wanted else None)


def entangled(commands: Sequence[Any]) -> tuple[int, ...]:
    """Which subcommands of one ALTER TABLE are changes of types that cannot be made one after the other.

    Every USING reads the row as it was before all of them: none may read a column that another one has changed.
    """
    changes = {
        at: (one.name, getattr(one, "def").column_def)
        for at, one in enumerate(commands)
        if one.subtype == pb.AT_AlterColumnType
    }
    names = [name for name, _ in changes.values()]
    reads = any(
        definition.HasField("raw_default") and set(naming.columns_of(definition.raw_default, names)) - {name}
        for name, definition in changes.values()
    )
    return tuple(changes) if reads else ()


def together(work: Work, relation: Relation, commands: Sequence[Any]) -> PlannedStep:
    """Changes of types in one statement, as given."""
    names = [one.name for one in commands]
    work.warn(
        f"the types of {', '.join(map(quote_ident, names))} of {relation.full_name} cannot be changed online, as a"
        " USING reads another one of them: the table is written anew, and reads and writes wait until that is done"
    )
    tree = subcommand(relation, commands[0])
    for one in commands[1:]:
        tree.cmds.add().alter_table_cmd.CopyFrom(one)
    done = []
    for one in commands:
        wanted = work.type_name(getattr(one, "def").column_def.type_name)
        column = relation.column(one.name)
        if column is not None and wanted is not None:
            done += [that.column(relation.full_name, one.name, wanted)] if wanted != column.type else []
            column.type, column.fresh, column.collation = wanted, True, None
    return work.plain(
        tree,
        post=that.all_of(*done),
        on=relation,
        effort="rewrite",
        hazard="the table is written anew while reads and writes wait",
    )


def _direct(
    work: Work, relation: Relation, command: Any, column: Column | None, wanted: str | None, *, rewrites: bool
) -> PlannedStep:
    table, own = relation.full_name, quote_ident(command.name)
    before = column.type if column is not None else None
    if column is not None and wanted is not None:
        column.type, column.fresh, column.collation = wanted, True, None  # as PostgreSQL itself has it
    done = that.all_of(that.column(table, command.name, wanted)) if wanted and wanted != before else None
    return work.plain(
        subcommand(relation, command),
        undo=f"ALTER TABLE {table} ALTER COLUMN {own} TYPE {before}" if before and not rewrites else None,
        pre=that.all_of(that.column(table, command.name, before)) if before and not relation.new else None,
        post=done,
        on=relation,
        effort="rewrite" if rewrites else "moment",
        hazard="the table is written anew while reads and writes wait" if rewrites else None,
    )


def _needs_no_rewrite(work: Work, column: Column, wanted: str) -> bool:
    """Widenings that only change the catalogs: PostgreSQL skips the rewrite for them."""
    before, after = _LENGTH.fullmatch(column.type), _LENGTH.fullmatch(wanted)
    base = before[1] + before[4] if before else column.type
    target = after[1] + after[4] if after else wanted
    if base == target and base in ("character varying", "bit varying"):
        return after is None or (before is not None and int(after[2]) >= int(before[2]))
    if base == target == "numeric":
        if after is None:
            return True
        same_scale = before is not None and int(after[3] or 0) == int(before[3] or 0)
        return before is not None and same_scale and int(after[2]) >= int(before[2])
    if base == target and base.startswith(("timestamp", "time", "interval")):
        return after is None or (before is not None and int(after[2]) >= int(before[2]))
    if {base, target} == {"timestamp without time zone", "timestamp with time zone"}:
        zone = work.db.query("select pg_catalog.current_setting('TimeZone')")[0][0]
        return zone.upper() in ("UTC", "GMT", "ETC/UTC") and before is None and after is None
    if after is not None:
        return False
    rows = work.db.query(load("postai.migrate", "picture.sql")["binary"], [column.type_oid, wanted])
    return bool(rows and rows[0][0]) and base != "character"


def _orders_anew(relation: Relation, column: Column, wanted: str) -> bool:
    """Whether indexes on the column are built anew although no row is written: their operators are of another type."""
    kinds = {_LENGTH.sub(r"\1\4", one) for one in (column.type, wanted)}
    if column.collation is None and (len(kinds) == 1 or kinds == {"text", "character varying"}):
        return False
    return any(column.number in one.keys or one.expressions for one in relation.indexes)


_RANGES = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}


def _misfit(column: Column, wanted: str) -> str | None:
    """Which values PostgreSQL would refuse to assign to a narrower type of the same kind; None = not known so."""
    own = quote_ident(column.name)
    before, after = _LENGTH.fullmatch(column.type), _LENGTH.fullmatch(wanted)
    base = before[1] + before[4] if before else column.type
    target = after[1] + after[4] if after else wanted
    if base in _RANGES and target in _RANGES:
        return f"{own} NOT BETWEEN {-_RANGES[target]} AND {_RANGES[target] - 1}"
    if after is None:
        return None
    length = int(after[2])
    if base in ("text", "character varying", "character") and target in ("character varying", "character"):
        return f"length(rtrim({own}::text, ' ')) > {length}"  # blanks behind are cut without a word
    if base in ("bit", "bit varying") and target in ("bit", "bit varying"):
        return f"length({own}) {'<>' if target == 'bit' else '>'} {length}"
    if target == "numeric" and (base == "numeric" or base in _RANGES):
        scale = int(after[3] or 0)
        return f"{own}::numeric <> 'NaN' AND abs(round({own}::numeric, {scale})) >= 1e{length - scale}::numeric"
    return None


def _uncastable(work: Work, column: Column, wanted: str, using: Any) -> str | None:
    """Which texts are no value of the type; None = they are not texts, or the server cannot tell without an error."""
    if column.type != "text" and not column.type.startswith("character"):
        return None
    if using is not None and not _casts_itself(work, column, wanted, using):
        return None
    own = quote_ident(column.name)
    if work.version >= 16:
        return f"{own} IS NOT NULL AND NOT pg_catalog.pg_input_is_valid({own}::text, {quote_literal(wanted)})"
    if wanted in _RANGES:
        most = _RANGES[wanted]
        return (
            rf"CASE WHEN {own}::text !~ '^\s*[+-]?[0-9]+\s*$' THEN true"
            f" ELSE {own}::numeric NOT BETWEEN {-most} AND {most - 1} END"
        )
    pattern = {
        "uuid": r"^\s*\{?[0-9a-fA-F]{4}(-?[0-9a-fA-F]{4}){7}\}?\s*$",
        "boolean": r"^\s*(t|tr|tru|true|y|ye|yes|on|1|f|fa|fal|fals|false|n|no|of|off|0)\s*$",
    }.get(wanted)
    if wanted == "numeric":
        pattern = r"^\s*([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|(nan|[+-]?inf(inity)?))\s*$"
    return None if pattern is None else f"{own}::text !~* {quote_literal(pattern).strip()}"


def _casts_itself(work: Work, column: Column, wanted: str, using: Any) -> bool:
    """Whether USING is the column cast to the type; a length would be cut to, by an explicit cast."""
    if using.WhichOneof("node") != "type_cast" or using.type_cast.arg.WhichOneof("node") != "column_ref":
        return False
    fields = using.type_cast.arg.column_ref.fields
    itself = fields[-1].WhichOneof("node") == "string" and fields[-1].string.sval == column.name
    return itself and _LENGTH.fullmatch(wanted) is None and work.type_name(using.type_cast.type_name) == wanted


def _obstacle(work: Work, relation: Relation, column: Column, using: Any) -> str | None:
    """Why a second column cannot take the place of this one; None = it can."""
    number = column.number
    used = [
        name if name.startswith(kind) else f"{kind} {name}" for at, kind, name in relation.others if at == number
    ]  # fmt: skip
    kept = [name for _, kind, name in relation.others if kind == "row type"]
    noted = any(
        one.kind == "n" and one.columns == (number,) and (one.comment is not None or one.no_inherit)
        for one in relation.constraints
    )
    referring = [
        one for one in relation.constraints
        if one.kind == "f" and one.referenced_oid == relation.oid and number in one.referenced_columns
    ]  # fmt: skip
    exclusion = [one.name for one in relation.indexes if one.exclusion and number in one.keys]
    update_of = [name for name, columns, _, _ in relation.triggers if number in columns]
    last = trigger_name(relation, column).encode()
    cases: list[tuple[bool, Callable[[], str]]] = [
        (relation.kind != "r", lambda: "the table is partitioned"),
        (relation.partition, lambda: "the table is a partition"),
        (bool(relation.children) or relation.parent_oid is not None, lambda: "the table inherits or is inherited from"),
        (not relation.key_of_rows(), lambda: f"the table {relation.no_key}"),
        (bool(used), lambda: f"{used[0]} depends on it"),
        (bool(kept), lambda: f"{kept[0]} keeps rows of the table as they are"),
        (noted, lambda: "its NOT NULL has a comment, or is not inherited"),
        (
            any(name.encode() >= last for name, _, _, _ in relation.triggers),
            lambda: "a trigger of the table fires after the one that would keep the new column in step",
        ),
        (bool(update_of), lambda: f"trigger {quote_ident(update_of[0])} names it"),
        (
            any(one.table_kind != "r" for one in referring),
            lambda: f"foreign key {quote_ident(referring[0].name)} of a partitioned table refers to it",
        ),
        (
            any(one.table_oid == relation.oid and number in one.columns for one in referring),
            lambda: f"foreign key {quote_ident(referring[0].name)} refers from it to itself",
        ),
        (any(not one.definition for one in referring), lambda: "a key that refers to it is new"),
        (bool(exclusion), lambda: f"the exclusion constraint {quote_ident(exclusion[0])} uses it"),
        (bool(column.identity), lambda: "it is an identity column"),
        (bool(column.generated), lambda: "it is a generated column"),
        (column.granted, lambda: "rights are granted on it alone"),
        (column.extras, lambda: "it has storage, statistics or compression settings of its own"),
        (any(one.identity and number in one.keys for one in relation.indexes), lambda: "it is the replica identity"),
        (any(one.clustered and number in one.keys for one in relation.indexes), lambda: "the table is clustered on it"),
        (
            any(one.fresh and one.kind in "cf" and number in one.columns for one in relation.constraints),
            lambda: "a constraint of the same text uses it",
        ),
        (
            any(not one.oid and (one.partial or one.expressions) and _reads(one, column) for one in relation.indexes),
            lambda: "an index of the same text reads it in an expression or condition",
        ),
        (
            using is not None and (_reads_rows(using) or volatile(work, using)),
            lambda: "USING calls functions that may be volatile",
        ),
        (
            using is not None and _calls_own(work, using),
            lambda: "USING calls functions that are not PostgreSQL's own, which every client that writes would call",
        ),
        (number >= 1000 + len(relation.columns), lambda: "the same text adds it"),
    ]
    return next((why() for holds, why in cases if holds), None)


def _reads(index: Index, column: Column) -> bool:
    """Whether an index has the column as a key, or names it in an expression or its condition."""
    return column.number in index.keys or bool(naming.columns_of(parsed(index.definition), [column.name]))


def _calls_own(work: Work, using: Any) -> bool:
    """Whether somebody's own function or operator may be called: clients may lack the right to it."""
    called = [[one.string.sval for one in node.funcname] for node in messages(using)
              if node.DESCRIPTOR.name == "FuncCall"]  # fmt: skip
    operators = [[one.string.sval for one in node.name] for node in messages(using) if node.DESCRIPTOR.name == "A_Expr"]
    if any(len(name) > 1 and name[0] != "pg_catalog" for name in (*called, *operators)):
        return True
    bare = sorted({name[0] for name in called if len(name) == 1})
    return bool(bare) and bool(work.ask("made_by_users", bare)[0][0])


def _reads_rows(using: Any) -> bool:
    return any(node.DESCRIPTOR.name == "SubLink" for node in messages(using))


def _expand(
    work: Work, relation: Relation, column: Column, wanted: str, using: Any, misfit: str | None
) -> list[PlannedStep]:
    """The second column; without USING the old value is assigned to it, as ALTER COLUMN TYPE itself does.

    Args:
        misfit: which values it cannot take; nothing begins while there are any.
    """
    taken = {one.name for one in relation.columns}
    new = naming.free_name(column.name, None, "new", lambda one: one in taken)
    old = naming.free_name(column.name, None, "old", lambda one: one in taken)
    own = quote_ident(column.name)
    expression = expression_text(using) if using is not None else own
    change = Change(relation, column, wanted, expression, new, old)
    table = relation.full_name
    work.warn(
        f"{own} of {table} is replaced by a new column of type {wanted}, which stands last in the table: a list of all"
        " columns (*) has it there; INSERT and COPY that name no columns fail or fill others than before"
    )
    if misfit is not None or using is not None:
        work.warn(f"once the trigger stands, clients that write a value of {own} that is no {wanted} get an error")
    published = [row[0] for row in work.ask("publications", table)]
    if published:
        work.warn(
            f"{table} is published ({', '.join(map(quote_ident, published))}): a subscriber's table needs the column"
            f" {quote_ident(new)} before this begins, and the new type of {own} when it has ended"
        )
    drop = f"ALTER TABLE {table} DROP COLUMN IF EXISTS {quote_ident(new)}"
    second = Column(max(one.number for one in relation.columns) + 1000, new, wanted, fresh=True)
    here = that.column(table, new)
    steps = [
        work.step(
            f"ALTER TABLE {table} ADD COLUMN {quote_ident(new)} {wanted}",
            undo=drop,
            pre=that.all_of(
                that.column(table, column.name, column.type),
                that.negated(here),
                that.no_rows(table, misfit) if misfit is not None else None,
            ),
            post=that.all_of(that.column(table, new, wanted)),
            on=relation,
        )
    ]
    key = relation.key_of_rows()
    relation.columns.append(second)
    steps += _sync(work, change)
    fill = f"{quote_ident(new)} IS NULL AND ({expression}) IS NOT NULL"
    steps.append(backfill(work, relation, {new: expression}, fill, key, drop))
    swap = Swap(work, change, second)
    steps += swap.prepare()
    steps += swap.steps()
    return steps


def _sync(work: Work, change: Change) -> list[PlannedStep]:
    """The trigger that keeps the new column in step while rows are filled; it fires after all others."""
    relation = change.relation
    name = trigger_name(relation, change.column)
    function = qualified(relation.schema, name)
    table, new = relation.full_name, quote_ident(change.new)
    value = _of_new_row(change)
    quoted_body = quote_literal(f"begin new.{new} := {value}; return new; end").strip()
    return [
        work.step(
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp"
            f"{_settings(work, change)} AS {quoted_body}",
            undo=f"DROP FUNCTION IF EXISTS {function}()",
            pre=that.all_of(that.negated(that.function(function))),
            post=that.all_of(that.function(function)),
        ),
        work.step(
            f"CREATE TRIGGER {quote_ident(name)} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION"
            f" {function}()",
            # Also for writes with session_replication_role = replica, and those of a subscription.
            together=[f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {quote_ident(name)}"],
            undo=f"DROP TRIGGER IF EXISTS {quote_ident(name)} ON {table}",
            pre=that.all_of(that.negated(that.trigger(table, name))),
            post=that.all_of(that.trigger(table, name)),
            on=relation,
        ),
    ]


def _settings(work: Work, change: Change) -> str:
    """Settings on which casts of times depend: whoever writes gets the values that the backfill writes."""
    if not any(word in text for word in ("time", "date", "interval") for text in (change.column.type, change.type)):
        return ""
    found = work.db.query(
        "select s.name, s.setting from pg_catalog.pg_settings as s"
        " where s.name in ('TimeZone', 'DateStyle', 'IntervalStyle') order by 1"
    )
    return "".join(f" SET {name} = {quote_literal(value).strip()}" for name, value in found)


def _of_new_row(change: Change) -> str:
    """The expression with every column of the table read from the row that is written."""
    tree = parsed(f"SELECT {change.expression}").target_list[0].res_target.val
    known = {one.name for one in change.relation.columns}
    for node in list(messages(tree)):
        if node.DESCRIPTOR.name == "ColumnRef" and len(node.fields) == 1 and node.fields[0].string.sval in known:
            name = node.fields[0].string.sval
            del node.fields[:]
            node.fields.add().string.sval = "new"
            node.fields.add().string.sval = name
    return expression_text(tree)
