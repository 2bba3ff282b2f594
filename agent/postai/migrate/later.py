"""What a change only set aside is dropped for good by a second proposal, made once the first one was carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database import Database
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.errors import PostaiError
from postai.migrate.types import PlannedStep
from postai.proposals import create, verbs
from postai.proposals.types import Draft, DraftStep, Measured
from postai.sql.parse import parse_one

_HARMLESS = frozenset(
    {"AT_AddColumn", "AT_DropConstraint", "AT_DropNotNull", "AT_SetNotNull", "AT_ColumnDefault", "AT_SetStatistics"}
)

OWN_TRIGGER = "zz_postai_"
"""What the names of the triggers begin with that keep a new column in step, and of their functions."""


def split(steps: Sequence[PlannedStep]) -> tuple[tuple[PlannedStep, ...], tuple[PlannedStep, ...]]:
    """The steps that run now, and those that drop for good what they set aside.

    Where a statement after the drop may need the name, or what depends on it, the drop is not put off.
    """
    now: list[PlannedStep] = []
    later: list[PlannedStep] = []
    for at, step in enumerate(steps):
        after = [text for one in steps[at + 1 :] if not one.for_good for text in (one.statement, *one.together)]
        (later if step.for_good and not any(_needs(text, step.statement) for text in after) else now).append(step)
    return tuple(now), tuple(later)


def _needs(text: str, drop: str) -> bool:
    """Whether a later statement may fail, or make the drop fail, if the drop has not run before it."""
    tree: Any = parse_one(text).tree
    name = tree.DESCRIPTOR.name
    hidden = drop.rsplit(None, 1)[-1].rsplit(".", 1)[-1]
    if hidden in text:
        return True
    if OWN_TRIGGER in text and name in ("CreateFunctionStmt", "CreateTrigStmt", "DropStmt", "AlterTableStmt"):
        return False
    if name in ("UpdateStmt", "InsertStmt", "DeleteStmt", "VacuumStmt"):
        return False
    if name == "RenameStmt":
        # The next table or column that is set aside; a table is known to the drop by the name that it has now.
        table = text.split(" RENAME ", 1)[0].rsplit(None, 1)[-1]
        return tree.rename_type not in (pb.OBJECT_TABLE, pb.OBJECT_COLUMN) or (
            tree.rename_type == pb.OBJECT_TABLE and f" {table} " in drop
        )
    if name != "AlterTableStmt":
        return True
    return any(pb.AlterTableType.Name(one.alter_table_cmd.subtype) not in _HARMLESS for one in tree.cmds)


def told(steps: Sequence[DraftStep]) -> list[dict[str, Any]]:
    """Steps as they are kept in the evidence of the first proposal."""
    return [{**asdict(one), "backfill": None} for one in steps]


def propose_later(db: Database, proposal: int) -> Measured:
    """Propose what a change that was just carried out put off; nothing where it put nothing off, or it is proposed.

    Args:
        db: session of the agent.
        proposal: the change.

    Returns:
        `then`: the second proposal; `not_proposed`: why there is none.
    """
    sql = load(__package__, "later.sql")
    ((title, evidence, proposed_by, there),) = db.query(sql["put_off"], [proposal])
    steps = tuple(_step(one) for one in evidence.get("later", []))
    if not steps:
        return Measured({})
    if there is not None:
        return Measured({"then": there})
    draft = Draft(
        kind="migrate",
        title=f"Drop for good: {title}"[:200],
        why=f"Proposal {proposal} set aside what this drops. Until then, undoing that one loses nothing.",
        steps=steps,
        evidence={"after": proposal, "destructive": True, "warnings": [one.hazard for one in steps if one.hazard]},
        risk="high",
        proposed_by=proposed_by,
    )
    try:
        return Measured({"then": create(db, draft)})
    except PostaiError as error:
        return Measured({"not_proposed": error.message})


def _step(kept: Mapping[str, Any]) -> DraftStep:
    lists = {name: None if kept[name] is None else tuple(kept[name]) for name in ("together", "rewrites", "scans")}
    return DraftStep(**{**kept, **lists})


@dataclass(frozen=True)
class Second:
    """What is left to do of a change: a proposal that drops for good what was set aside, and its statements.

    Attributes:
        action: the action that is carrying it out; None = none is.
    """

    proposal: int
    statements: tuple[str, ...]
    action: int | None = None


def then(db: Database, proposal: int) -> Second | None:
    """What drops for good what a change set aside; None = nothing is left, or nothing that may be seen."""
    rows = db.query(load(__package__, "later.sql")["then"], [str(proposal)])
    if not rows:
        return None
    ((number, statements, action, state),) = rows
    return Second(number, tuple(statements), action if state in ("queued", "running", "verifying") else None)


def drop_for_good(
    db: Database,
    second: Second,
    deadline: Deadline,
    progress: Callable[[verbs.ActionStatus], None] = lambda _: None,
) -> None:
    """Carry it out, with the yes to the loss, and wait for its end.

    Raises:
        As `verbs.apply` and `verbs.wait`.
    """
    action = second.action or verbs.apply(db, second.proposal, unsafe=True)
    verbs.wait(db, action, deadline, progress)
