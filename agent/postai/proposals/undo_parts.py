"""The statements of an undo that leads back online: each in a transaction of its own, or several in one.

An undo may be a list of statements, `ADD CONSTRAINT ... NOT VALID; VALIDATE CONSTRAINT ...`. What reads a whole table
and what refuses a transaction runs by itself; the statements between share one, so that others see all or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.proposals.types import Step, StepClass
from postai.sql.parse import parse_one, split
from postai.sql.vet import vet_change


def parts_of(undo: str) -> tuple[tuple[str, ...], ...]:
    """The transactions of an undo, in order, each with its statements."""
    parts: list[list[str]] = []
    open_ended = False
    for text in split(undo):
        alone = class_of(text) != "short_lock"
        if alone or not open_ended:
            parts.append([])
        parts[-1].append(text)
        open_ended = not alone
    return tuple(tuple(one) for one in parts)


def class_of(statement: str) -> StepClass:
    """How an undo statement behaves."""
    tree: Any = parse_one(statement).tree
    if not vet_change(statement).in_transaction:
        return "alone"
    reads = tree.DESCRIPTOR.name == "AlterTableStmt" and all(
        one.alter_table_cmd.subtype == pb.AT_ValidateConstraint for one in tree.cmds
    )
    return "weak_scan" if reads else "short_lock"


def undo_steps(
    number: int, undo: str, precondition: str | None, step_class: StepClass | None, locks: Mapping[str, str]
) -> tuple[Step, ...]:
    """What leads back from a step, as steps of its number.

    Args:
        precondition: must hold before the first of them.
        step_class: of the step; None = an advisor's, whose undo is one statement.
        locks: that stop others, of the step; what leads back takes them in its short transactions.
    """
    parts = parts_of(undo)
    steps = []
    for at, texts in enumerate(parts, start=1):
        behaves = class_of(texts[0])
        one = Step(
            number, texts[0], precondition if at == 1 else None, None, False, step_class and behaves, texts[1:],
            part=at, parts=len(parts),
        )  # fmt: skip
        steps.append(replace(one, locks=locks) if behaves == "short_lock" else one)
    return tuple(steps)
