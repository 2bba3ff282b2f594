"""Makes proposals: a draft is vetted, its objects are found, and everything is written in one transaction."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database import Database
from postai.database.named_sql import load
from postai.errors import Refused, StaleProposal
from postai.proposals import index_work
from postai.proposals.batch_sql import whole_statement
from postai.proposals.conditions import Conditions
from postai.proposals.objects import as_json, fingerprint, resolve
from postai.proposals.types import Draft, DraftStep, Object, Step
from postai.sql.parse import parse_one, split
from postai.sql.vet import ChangeFacts, ObjectRef, vet_change

_REPEATABLE = frozenset({"VACUUM", "ANALYZE"})
"""Command tags of statements outside of transactions that may simply run again after an interruption."""
_RENAMED = frozenset({pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_SEQUENCE, pb.OBJECT_INDEX})


@dataclass(frozen=True)
class _Vetted:
    step: DraftStep
    facts: ChangeFacts
    undo_facts: ChangeFacts | None
    objects: tuple[Object, ...]


def create(db: Database, draft: Draft) -> int:
    """Write a proposal.

    Args:
        db: session of a member of postai_agent (or of the owner of schema postai).
        draft: what is proposed.

    Returns:
        id of the proposal.

    Raises:
        Refused: a statement or a condition that no proposal may hold.
        UnknownObject: a statement names an object that does not exist.
        StaleProposal: the proposal it should replace is not open any more.
    """
    conditions = Conditions(db)
    vetted: list[_Vetted] = []
    planned: dict[tuple[str | None, str], ObjectRef | None] = {}
    for step in draft.steps:
        vetted.append(_vet(db, step, planned, conditions))
    sql = load(__package__, "store.sql")
    with db.transaction():
        touched = fingerprint(db, [one for each in vetted for one in each.objects])
        proposal = int(
            db.query(
                sql["insert_proposal"],
                [
                    draft.kind, draft.title, draft.why, json.dumps(dict(draft.evidence)), draft.risk, touched,
                    draft.proposed_by, draft.key, draft.undoes,
                ],
            )[0][0]
        )  # fmt: skip
        for number, each in enumerate(vetted, start=1):
            db.execute(sql["insert_step"], _row(proposal, number, each))
        detail = {"kind": draft.kind, "title": draft.title, "statements": [one.statement for one in draft.steps]}
        db.query(sql["record_event"], [proposal, proposal, json.dumps(detail)])
        if draft.supersedes is not None and not db.query(sql["supersede"], [proposal, draft.supersedes]):
            raise StaleProposal(
                f"proposal {draft.supersedes} is not open, so it cannot be replaced",
                hint="Propose without replacing it.",
            )
    return proposal


def _vet(
    db: Database, step: DraftStep, planned: dict[tuple[str | None, str], ObjectRef | None], conditions: Conditions
) -> _Vetted:
    facts = facts_of(step)
    if step.backfill is None:
        _require_recoverable(step.statement, facts, step.postcondition)
    # What a planner's later steps name may come into being by earlier ones in ways that their texts do not show.
    objects = resolve(db, facts, planned, lenient=step.step_class is not None)
    for ref in facts.creates:
        # Who owns a table may do with its indexes what he likes; for all else the schema stands in.
        stands_in = facts.touched[0] if ref.kind == "index" and facts.touched else None
        planned[None if ref.kind == "schema" else ref.schema, ref.name] = stands_in
    if (new_name := _renamed(step.statement)) is not None:
        planned[new_name] = facts.touched[0]
    undo_facts = None
    if step.undo is not None:
        listed = [(text, vet_change(text)) for text in split(step.undo)]
        for text, one in listed:
            _require_recoverable(text, one, None)
        undo_facts = replace(listed[0][1], in_transaction=all(one.in_transaction for _, one in listed))
    for condition in (step.precondition, None if step.backfill else step.postcondition):
        if condition is not None and (step.step_class is None or not planned):
            conditions.vet(condition)
        elif condition is not None and parse_one(condition).statement_class != "SELECT":
            raise Refused("a condition must be a SELECT", detail=condition)
    if step.undo_precondition is not None and parse_one(step.undo_precondition).statement_class != "SELECT":
        # What it names need not exist yet; the guard looks at it when it is evaluated.
        raise Refused("a condition must be a SELECT", detail=step.undo_precondition)
    return _Vetted(step, facts, undo_facts, objects)


def facts_of(step: DraftStep | Step) -> ChangeFacts:
    """What the statements of a step, which share a transaction, do together; of a backfill what its batches do.

    Raises:
        Refused: a statement that no proposal may hold, or statements that cannot share a transaction.
    """
    first = step.statement if step.backfill is None else whole_statement(step.backfill)
    facts = vet_change(first)
    for text in step.together:
        more = vet_change(text)
        facts = replace(
            facts,
            touched=tuple(dict.fromkeys((*facts.touched, *more.touched))),
            creates=tuple(dict.fromkeys((*facts.creates, *more.creates))),
            in_transaction=facts.in_transaction and more.in_transaction,
        )
    if (step.together or step.backfill) and not facts.in_transaction:
        raise Refused("a statement that allows no transaction cannot share one", detail=step.statement)
    # What goes into a schema that the same step makes needs no right in it; it need not be there yet.
    schemas = {ref.name for ref in facts.creates if ref.kind == "schema"}
    return replace(
        facts,
        touched=tuple(ref for ref in facts.touched if ref.schema not in schemas),
        creates=tuple(ref for ref in facts.creates if ref.schema not in schemas),
    )


def _renamed(statement: str) -> tuple[str | None, str] | None:
    """Schema and new name of a relation that a statement renames: later steps know it by that."""
    tree: Any = parse_one(statement).tree
    if tree.DESCRIPTOR.name != "RenameStmt" or not tree.HasField("relation") or tree.rename_type not in _RENAMED:
        return None
    return tree.relation.schemaname or None, tree.newname


def _require_recoverable(statement: str, facts: ChangeFacts, postcondition: str | None) -> None:
    """Refuse a statement of which nobody could tell, after a crash, whether it happened."""
    if facts.in_transaction or postcondition is not None or facts.statement_class in _REPEATABLE:
        return
    if index_work.recognise(statement) is None:
        raise Refused(
            f"{facts.statement_class} outside of a transaction needs a postcondition",
            detail="After a crash nothing else tells whether it happened.",
            hint="Give a SELECT of one boolean that is true once it has happened.",
        )


def _row(proposal: int, number: int, each: _Vetted) -> list[object]:
    step, undo = each.step, each.undo_facts
    return [
        proposal, number, step.statement, each.facts.statement_class, each.facts.in_transaction, step.precondition,
        None if step.backfill else step.postcondition, step.undo, undo.statement_class if undo else None,
        undo.in_transaction if undo else None, as_json(each.objects), json.dumps(dict(step.locks)), step.hazard,
        step.estimated_ms, step.estimated_rows, step.undo_precondition, step.step_class, list(step.together),
        step.phase, json.dumps(dict(step.blocks)), None if step.rewrites is None else list(step.rewrites),
        None if step.scans is None else list(step.scans),
        None if step.backfill is None else json.dumps(asdict(step.backfill)),
    ]  # fmt: skip
