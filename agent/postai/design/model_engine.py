"""The model engine: words, a schema, one structured answer; it is parsed, vetted, tried, and may be mended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from postgast import pg_query_pb2 as pb
from pydantic import BaseModel, ConfigDict, Field

from postai.deadline import Deadline
from postai.design.data_moves import Unfit, is_data, overwritten, vet_data
from postai.design.diagram import mermaid
from postai.design.draft import Draft
from postai.design.statements import column_text, reference, rule_text
from postai.design.trying import Trial, Try
from postai.design.types import Proposed
from postai.errors import ModelFailed, NotSure, PostaiError, Refused
from postai.model.blocks import Block, data_block, one_line
from postai.model.generate import ComplaintError, generate
from postai.model.types import Completer
from postai.sql.parse import Statement, parse
from postai.sql.vet import vet_change

PROMPT = "design_2"
"""Version of the instructions: the name of the file in prompts/; a changed text gets a new number."""
LONGEST_REASON = 600
LONGEST_SCHEMA = 60_000
"""Characters of the schema that the model is shown."""
MOST_STATEMENTS = 400

_ALLOWED = frozenset(
    {
        "CREATE TABLE", "ALTER TABLE", "CREATE INDEX", "CREATE TYPE", "ALTER TYPE", "DROP TABLE", "DROP INDEX",
        "DROP TYPE", "COMMENT", "INSERT", "UPDATE", "ALTER INDEX",
    }
)  # fmt: skip


_ALTERATIONS = frozenset(
    {
        "AT_AddColumn", "AT_ColumnDefault", "AT_DropNotNull", "AT_SetNotNull", "AT_SetExpression", "AT_DropExpression",
        "AT_DropColumn", "AT_AddConstraint", "AT_AlterConstraint", "AT_ValidateConstraint", "AT_AddIndexConstraint",
        "AT_DropConstraint", "AT_AlterColumnType", "AT_AddIdentity", "AT_SetIdentity", "AT_DropIdentity",
    }
)  # fmt: skip
"""What ALTER TABLE may do: nothing that is about who may see or write rows, or how they are stored."""


@dataclass(frozen=True)
class Judges:
    """Who judges the model's statements in the database.

    Attributes:
        unfit: of functions and operators in statements that move rows.
        attempt: tries statements on a copy; None = they are only parsed and vetted.
    """

    unfit: Unfit
    attempt: Try | None


class ModelDesign(BaseModel):
    """The form of the model's answer. Everything in it is untrusted."""

    model_config = ConfigDict(extra="ignore")

    up: list[str] = Field(default=[], max_length=MOST_STATEMENTS)
    down: list[str] = Field(default=[], max_length=MOST_STATEMENTS)
    destructive: bool = False
    warnings: list[str] = Field(default=[], max_length=50)
    explanation: str = ""
    cannot: str | None = None


def propose_by_model(
    request: str, before: Draft, model: Completer, judges: Judges, deadline: Deadline, *, purpose: str
) -> Proposed:
    """Ask the model; a wrong answer goes back to it at most twice.

    Statements that run but do not lead back exactly are such an answer too; where the repairs do not mend that, they
    are given with a warning that says what `down` does not restore.

    Args:
        request: the description or wish.
        before: the schema that is there; empty for a new design.
        judges: who judges the statements.
        purpose: "design" or "change", for the record of calls.

    Raises:
        NotSure: the model says that it cannot be done.
        Refused: a statement is not allowed, also after a repair.
        ModelFailed, BudgetSpent: no usable answer, or one that does not run after two repairs.
        Cancelled, DeadlineExceeded: the caller is gone, the time is over.
    """
    instructions = (files("postai.design") / "prompts" / f"{PROMPT}.md").read_text("utf-8")
    system = (Block(instructions, cache=True),)
    turn = "\n".join((data_block("schema", schema_text(before)), data_block("request", request)))

    def check(answer: ModelDesign) -> Proposed:
        deadline.check()
        return _judged(answer, before, judges)

    try:
        return generate(model, purpose, system, turn, ModelDesign, check, deadline)
    except _Astray as error:
        return error.usable


class _Astray(ModelFailed):
    """The statements run, and those that lead back do not restore all; `usable` says so in a warning."""

    def __init__(self, usable: Proposed) -> None:
        super().__init__("the model's way back does not lead back", hint="Put it in other words.")
        self.usable = usable


def schema_text(draft: Draft) -> str:
    """The tables of a draft as DDL, for the model."""
    parts = []
    for table in draft.tables.values():
        lines = [column_text(one) for one in table.columns.values()]
        lines += [f"CONSTRAINT {one.name} {rule_text(draft, one)}" for one in table.rules]
        parts.append(f"CREATE TABLE {reference(table)} (\n  " + ",\n  ".join(lines) + "\n);")
        parts += [f"{one.definition};" for one in table.indexes]
    return "\n".join(parts)[:LONGEST_SCHEMA]


def _judged(answer: ModelDesign, before: Draft, judges: Judges) -> Proposed:
    if answer.cannot and not answer.up:
        raise NotSure(
            "this cannot be carried out",
            detail=one_line(answer.cannot, LONGEST_REASON) or None,
            hint="Put it in other words.",
        )
    up, down = _statements(answer.up), _statements(answer.down)
    if not up:
        raise ComplaintError(
            "`up` holds no statement",
            ModelFailed("the model gave no statement", hint="Put it in other words."),
            kind="form",
            at_most=1,
        )
    with _complaints("\n".join((*answer.up, *answer.down))):
        vet_data(up, down, before, judges.unfit)
    trial = judges.attempt and judges.attempt(_texts(up), _texts(down))
    if trial and trial.failed:
        raise _failed(trial, up)
    made = _proposed(answer, up, down, before, trial)
    if trial and trial.astray:
        raise ComplaintError(
            f"On a copy of the schema `up` and then `down` run, but `down` does not lead back: {trial.astray}",
            _Astray(replace(made, warnings=(*made.warnings, f"down does not lead back exactly: {trial.astray}"))),
            kind="way back",
            at_most=2,
        )
    return made


def _failed(trial: Trial, up: tuple[Statement, ...]) -> ComplaintError:
    where = "up" if trial.statement in _texts(up) else "down"
    return ComplaintError(
        f"On a copy of the schema a statement of `{where}` fails.\n{trial.statement}\nERROR "
        f"{trial.sqlstate}: {trial.message}",
        ModelFailed(
            "the model's statements do not run",
            detail=f"after all repairs the server still says: {one_line(trial.message or '', LONGEST_REASON)}",
            hint="Put it in other words.",
        ),
        kind="server",
        at_most=2,
    )


def _proposed(
    answer: ModelDesign, up: tuple[Statement, ...], down: tuple[Statement, ...], before: Draft, trial: Trial | None
) -> Proposed:
    loses = _destroys(up)
    warnings = [one_line(one, LONGEST_REASON) for one in answer.warnings]
    if loses and not warnings:
        warnings.append("data is lost: " + "; ".join(loses))
    warnings += [one_line(one, LONGEST_REASON) for one in overwritten(up, before)]
    if trial and trial.note:
        warnings.append(trial.note)
    return Proposed(
        up=_texts(up),
        down=_texts(down),
        destructive=answer.destructive or bool(loses and not any(map(is_data, up))),
        warnings=tuple(warnings),
        explanation=one_line(answer.explanation, 4_000),
        indexes=tuple(one.sql for one in up if one.statement_class == "CREATE INDEX"),
        mermaid=mermaid((trial and trial.after) or before),
        engine="model",
        tried=bool(trial and trial.tried_in),
        tried_in=trial.tried_in if trial else None,
    )


def _texts(statements: tuple[Statement, ...]) -> tuple[str, ...]:
    return tuple(one.sql for one in statements)


def _statements(texts: list[str]) -> tuple[Statement, ...]:
    """The statements, each parsed and of an allowed kind."""
    found: list[Statement] = []
    for text in texts:
        with _complaints(text):
            for statement in parse(text):
                if statement.statement_class not in _ALLOWED:
                    raise Refused(f"{statement.statement_class} is not allowed here", hint="Put it in other words.")
                vet_change(statement.sql)
                _vet_alterations(statement)
                found.append(statement)
    return tuple(found)


def _vet_alterations(statement: Statement) -> None:
    tree: Any = statement.tree
    if tree.DESCRIPTOR.name == "AlterTableStmt" and tree.objtype == pb.OBJECT_TABLE:
        for one in tree.cmds:
            name = pb.AlterTableType.Name(one.alter_table_cmd.subtype)
            if name not in _ALTERATIONS:
                raise Refused(f"ALTER TABLE may not do {name.removeprefix('AT_')} here", hint="Put it in other words.")


@contextmanager
def _complaints(text: str) -> Iterator[None]:
    """What is refused inside goes back to the model once."""
    try:
        yield
    except Refused as refused:
        raise ComplaintError(
            f"A statement is not allowed or not understood: {refused.message}. {refused.detail or ''}\n{text}",
            _final(refused),
            kind="guard",
            at_most=1,
        ) from None


def _final(error: PostaiError) -> PostaiError:
    return Refused(
        "the model's statements are not allowed",
        detail=f"{error.message}. {error.detail or ''}".strip(),
        hint="Put it in other words.",
    )


def _destroys(statements: tuple[Statement, ...]) -> list[str]:
    """Statements that drop a table or a column."""
    return [
        one.sql
        for one in statements
        if one.statement_class == "DROP TABLE"
        or (
            one.tree.DESCRIPTOR.name == "AlterTableStmt"
            and any(cmd.alter_table_cmd.subtype == pb.AT_DropColumn for cmd in one.tree.cmds)
        )
    ]
