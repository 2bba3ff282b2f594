"""The model engine: words, a schema, one structured answer; it is parsed, vetted, tried, and may be mended."""

from __future__ import annotations

from importlib.resources import files

from postgast import pg_query_pb2 as pb
from pydantic import BaseModel, ConfigDict, Field

from postai.deadline import Deadline
from postai.design.diagram import mermaid
from postai.design.draft import Draft
from postai.design.statements import column_text, reference, rule_text
from postai.design.trying import Try
from postai.design.types import Proposed
from postai.errors import ModelFailed, NotSure, PostaiError, Refused
from postai.model.blocks import Block, data_block, one_line
from postai.model.generate import ComplaintError, generate
from postai.model.types import Completer
from postai.sql.parse import parse
from postai.sql.vet import vet_change

PROMPT = "design_1"
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
    request: str, before: Draft, model: Completer, attempt: Try | None, deadline: Deadline, *, purpose: str
) -> Proposed:
    """Ask the model; a wrong answer goes back to it at most twice.

    Args:
        request: the description or wish.
        before: the schema that is there; empty for a new design.
        attempt: tries statements on a copy; None = they are only parsed and vetted.
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
        return _judged(answer, before, attempt)

    return generate(model, purpose, system, turn, ModelDesign, check, deadline)


def schema_text(draft: Draft) -> str:
    """The tables of a draft as DDL, for the model."""
    parts = []
    for table in draft.tables.values():
        lines = [column_text(one) for one in table.columns.values()]
        lines += [f"CONSTRAINT {one.name} {rule_text(draft, one)}" for one in table.rules]
        parts.append(f"CREATE TABLE {reference(table)} (\n  " + ",\n  ".join(lines) + "\n);")
        parts += [f"{one.definition};" for one in table.indexes]
    return "\n".join(parts)[:LONGEST_SCHEMA]


def _judged(answer: ModelDesign, before: Draft, attempt: Try | None) -> Proposed:
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
    tried, after = False, before
    if attempt is not None:
        trial = attempt(up, down)
        if trial.failed:
            where = "up" if trial.statement in up else "down"
            raise ComplaintError(
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
        tried, after = trial.tried, trial.after or before
    loses = _destroys(up)
    warnings = tuple(one_line(one, LONGEST_REASON) for one in answer.warnings)
    if loses and not warnings:
        warnings = ("data is lost: " + "; ".join(loses),)
    return Proposed(
        up, down, answer.destructive or bool(loses and not _moves(up)), warnings, one_line(answer.explanation, 4_000),
        tuple(one for one in up if one.upper().startswith(("CREATE INDEX", "CREATE UNIQUE INDEX"))),
        mermaid(after), "model", tried,
    )  # fmt: skip


def _statements(texts: list[str]) -> tuple[str, ...]:
    """The statements, each parsed and of an allowed kind."""
    found: list[str] = []
    for text in texts:
        try:
            for statement in parse(text):
                if statement.statement_class not in _ALLOWED:
                    raise Refused(f"{statement.statement_class} is not allowed here", hint="Put it in other words.")
                vet_change(statement.sql)
                found.append(statement.sql)
        except Refused as refused:
            raise ComplaintError(
                f"A statement is not allowed or not understood: {refused.message}. {refused.detail or ''}\n{text}",
                _final(refused),
                kind="guard",
                at_most=1,
            ) from None
    return tuple(found)


def _final(error: PostaiError) -> PostaiError:
    return Refused(
        "the model's statements are not allowed",
        detail=f"{error.message}. {error.detail or ''}".strip(),
        hint="Put it in other words.",
    )


def _destroys(statements: tuple[str, ...]) -> list[str]:
    """Statements that drop a table or a column."""
    found = []
    for text in statements:
        tree = parse(text)[0].tree
        kind = tree.DESCRIPTOR.name
        if parse(text)[0].statement_class == "DROP TABLE" or (
            kind == "AlterTableStmt" and any(one.alter_table_cmd.subtype == pb.AT_DropColumn for one in tree.cmds)
        ):
            found.append(text)
    return found


def _moves(statements: tuple[str, ...]) -> bool:
    return any(parse(text)[0].statement_class in ("INSERT", "UPDATE") for text in statements)
