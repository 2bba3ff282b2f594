"""Plans: the online steps that bring about what given DDL says, in the order that stays right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database import Database
from postai.deadline import Deadline
from postai.migrate.conflicts import activity, conflicts, quiet_hour
from postai.migrate.estimate import calibration, risk_of, score
from postai.migrate.picture import Picture, Relation
from postai.migrate.qualify import Names
from postai.migrate.rewrites import retype
from postai.migrate.rewrites.dependents import note_dependents, note_settings
from postai.migrate.rewrites.registry import of_commands, of_statements
from postai.migrate.types import Plan, PlannedStep, Traced
from postai.migrate.work import PlanOptions, Usage, Work, subcommand
from postai.sql.nodes import messages
from postai.sql.parse import Statement, parse

__all__ = ["PlanOptions", "Usage", "plan", "with_traces"]

# In which order PostgreSQL itself carries out the subcommands of one ALTER TABLE (AT_PASS_* in tablecmds.c).
_PASSES = {
    "AT_DropColumn": 0, "AT_DropConstraint": 0, "AT_DropNotNull": 0, "AT_DropExpression": 0, "AT_DropIdentity": 0,
    "AT_AlterColumnType": 1, "AT_AddColumn": 2, "AT_SetExpression": 3, "AT_SetNotNull": 5, "AT_SetIdentity": 5,
    "AT_SetStatistics": 5, "AT_SetOptions": 5, "AT_ResetOptions": 5, "AT_SetStorage": 5, "AT_SetCompression": 5,
    "AT_AddIdentity": 7,
}  # fmt: skip

_LEFT_OUT = frozenset(
    {
        pb.TRANS_STMT_BEGIN, pb.TRANS_STMT_START, pb.TRANS_STMT_COMMIT, pb.TRANS_STMT_SAVEPOINT, pb.TRANS_STMT_RELEASE,
    }
)  # fmt: skip


@dataclass(frozen=True)
class _Given:
    """One given statement: its number, its text and its tree."""

    number: int
    statement: Statement


def plan(db: Database, statements: Sequence[str], deadline: Deadline, options: PlanOptions | None = None) -> Plan:
    """The online steps for DDL; nothing is changed, and no table is read.

    Args:
        db: session of the database that is to be changed; its search_path says what unqualified names mean.
        statements: SQL texts in order; a text may hold several statements.
        deadline: when the work must be done.
        options: wishes; None = none.

    Raises:
        Unparsable: a statement does not parse.
        Cancelled, DeadlineExceeded: the time is over.
    """
    given = _given(statements)
    wishes = options or PlanOptions()
    with db.transaction():
        db.execute("set transaction read only")
        names = Names(db, [one.statement.tree for one in given])
        db.execute("set local search_path = pg_catalog, pg_temp")
        db.execute(f"set local statement_timeout = {max(1, int(deadline.remaining() * 1000))}")
        work = _work(db, names, given, wishes)
        steps: list[PlannedStep] = []
        for one in given:
            deadline.check()
            work.given, work.sql = one.number, one.statement.sql
            names.qualify(one.statement.tree)
            steps += _steps_of(work, one.statement)
        rates = activity(db)
        tables = {one.oid: one.full_name for one in work.picture.by_oid.values() if one.kind in ("r", "p", "m")}
        in_the_way = conflicts(db, list(tables))
        quiet = quiet_hour(db) if any(one.step_class in ("weak_scan", "alone", "batched") for one in steps) else None
    busy = {name: rates[oid] for oid, name in tables.items() if rates.get(oid)}
    scored = tuple(replace(one, risk_score=score(one, _rate(one, busy))) for one in steps)
    worst, risk = risk_of([one.risk_score for one in scored])
    return Plan(
        steps=scored,
        checks=tuple(dict.fromkeys(work.checks)),
        destructive=work.destructive,
        warnings=tuple(work.warnings),
        risk=risk,
        risk_score=worst,
        conflicts=in_the_way,
        refused=tuple(work.refused),
        schedule=quiet,
    )


def with_traces(made: Plan, traces: Sequence[Traced]) -> Plan:
    """The plan with the locks, rewrites and scans that were seen when its statements ran on a copy.

    Args:
        traces: one for each statement of `script(made)`, in order.
    """
    rest = list(traces)
    steps = []
    for step in made.steps:
        count = 1 + len(step.together)
        mine, rest = rest[:count], rest[count:]
        locks: dict[str, str] = {}
        blocks = {}
        for one in mine:
            for name, mode in one.locks.items():
                if name not in locks or _STRENGTH.index(mode) > _STRENGTH.index(locks[name]):
                    locks[name], blocks[name] = mode, one.blocks.get(name, "none")
        seen = replace(
            step,
            locks=locks,
            blocks=blocks,
            rewrites=tuple(dict.fromkeys(name for one in mine for name in one.rewrites)),
            scans=tuple(dict.fromkeys(name for one in mine for name in one.scans)),
            traced=all(one.traced and one.error is None for one in mine),
        )
        steps.append(replace(seen, risk_score=score(seen, 0.0)))
    worst, risk = risk_of([one.risk_score for one in steps])
    return replace(made, steps=tuple(steps), risk=risk, risk_score=worst)


_STRENGTH = (
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
    "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip


def script(made: Plan) -> tuple[str, ...]:
    """All statements of a plan in the order in which they run."""
    return tuple(text for step in made.steps for text in (step.statement, *step.together))


def _given(statements: Sequence[str]) -> list[_Given]:
    found = [one for text in statements for one in parse(text)]
    return [_Given(number, one) for number, one in enumerate(found, start=1)]


def _work(db: Database, names: Names, given: Iterable[_Given], options: PlanOptions) -> Work:
    wanted: set[tuple[str, str]] = set()
    for one in given:
        tree: Any = type(one.statement.tree)()
        tree.CopyFrom(one.statement.tree)
        names.qualify(tree)
        for node in messages(tree):
            if node.DESCRIPTOR.name == "RangeVar" and node.schemaname:
                wanted.add((node.schemaname, node.relname))
        if tree.DESCRIPTOR.name == "DropStmt":
            for item in tree.objects:
                if item.WhichOneof("node") == "list" and len(item.list.items) >= 2:
                    wanted.add((item.list.items[-2].string.sval, item.list.items[-1].string.sval))
        if tree.DESCRIPTOR.name == "CommentStmt" and len(parts := tree.object.list.items) >= 2:
            wanted.add((parts[0].string.sval, parts[1].string.sval))
    picture = Picture(db, wanted, {names.creation, *(schema for schema, _ in wanted)})
    return Work(db, names, picture, options, calibration(db))


def _steps_of(work: Work, statement: Statement) -> list[PlannedStep]:
    tree: Any = statement.tree
    kind = tree.DESCRIPTOR.name
    if kind == "TransactionStmt":
        if tree.kind not in _LEFT_OUT:
            work.refused.append(
                f"statement {work.given} ({statement.sql.strip()}) would take back what stands before it, or leave it"
                " prepared, but each step is committed by itself: leave it out, and what it takes back too"
            )
            return []
        work.warn("BEGIN and COMMIT are left out: each step runs by itself, and locks are held for one step only")
        return []
    note_dependents(work, tree)
    if kind == "AlterTableStmt":
        return _alter_table(work, tree)
    function = of_statements().get(kind)
    return function(work, tree) if function is not None else [work.plain(tree)]


def _alter_table(work: Work, tree: Any) -> list[PlannedStep]:
    """One subcommand after the other, in PostgreSQL's own order."""
    relation = work.relation(tree.relation)
    alone = not tree.relation.inh and (relation is None or relation.kind == "p" or bool(relation.children))
    if relation is None or tree.objtype != pb.OBJECT_TABLE or alone:
        if relation is None and tree.missing_ok and not work.picture.taken(
            tree.relation.schemaname, tree.relation.relname, constraint=False
        ):  # fmt: skip
            work.warn(f"{tree.relation.relname} does not exist; nothing is to be done")
            return []
        return [work.plain(tree)]
    commands = [one.alter_table_cmd for one in tree.cmds]
    known = of_commands()
    names = [pb.AlterTableType.Name(one.subtype) for one in commands]
    if relation.new and len(commands) > 1:
        return [work.plain(tree, on=relation)]
    order = sorted(range(len(commands)), key=lambda at: (_pass(names[at], commands[at]), at))
    steps: list[PlannedStep] = []
    at_once = retype.entangled(commands)
    for at in order:
        function = known.get(names[at])
        if at in at_once:
            if at == at_once[0]:
                steps.append(retype.together(work, relation, [commands[one] for one in at_once]))
        elif function is not None:
            steps += function(work, relation, commands[at])
        else:
            steps.append(_other(work, relation, names[at], commands[at]))
    return steps


def _pass(name: str, command: Any) -> int:
    if name == "AT_ColumnDefault":
        return 7 if command.HasField("def") else 0
    if name == "AT_AddConstraint":
        kind = getattr(command, "def").constraint.contype
        return 5 if kind == pb.CONSTR_NOTNULL else 6 if kind in (pb.CONSTR_PRIMARY, pb.CONSTR_UNIQUE) else 7
    return _PASSES.get(name, 9)


def _other(work: Work, relation: Relation, name: str, command: Any) -> PlannedStep:
    """A subcommand without a form of its own: as it is, with what it does said."""
    note_settings(relation, name, command)
    if name in ("AT_SetLogged", "AT_SetUnLogged", "AT_SetAccessMethod", "AT_SetTableSpace") and not relation.new:
        work.warn(f"{relation.full_name} is written anew: reads and writes wait until that is done")
        return work.plain(subcommand(relation, command), on=relation, effort="rewrite")
    if name == "AT_SetExpression":
        work.warn(f"{relation.full_name} is written anew: reads and writes wait until that is done")
    return work.plain(subcommand(relation, command), on=relation)


def _rate(step: PlannedStep, rates: Mapping[str, float]) -> float:
    """Calls per second on the tables that a step names."""
    return max((rate for name, rate in rates.items() if name in step.statement), default=0.0)
