"""One box for questions and SQL; plans, alone and side by side."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Request, Response
from pydantic import BaseModel, Field, model_validator

from postai.ask import asking, console
from postai.ask.asking import Answer, Asked
from postai.ask.console import Limits, NamesSeen, Plan, PlanPair, Rows
from postai.errors import UsageError
from postai.sql.safety import Safety
from postai.web.cells import unarmed
from postai.web.rendering import page
from postai.web.room import Room
from postai.web.visit import InDatabase, InOwnPath, Visiting, own_statement

room = Room("Ask", "ask", "/ask")

HISTORY = 30


def _with_parameters(data: object) -> object:
    """A form's fields with its parameters in one list; an empty field is an empty text, as browsers send it."""
    if not isinstance(data, dict) or not str(data.get("given", "")).isdecimal():
        return data
    places = range(1, min(int(data["given"]), console.MOST_PARAMETERS) + 1)
    values = [None if f"null{n}" in data else str(data.get(f"p{n}", "")).replace("\r\n", "\n") for n in places]
    return {**data, "parameters": values}


def _known(given: list[str | None]) -> list[str | None]:
    """The values for a plan that is not run: where every field is empty, it is one for any values."""
    return [] if all(value == "" for value in given) else given


def _wanted(given: list[str | None], *texts: str) -> list[str | None]:
    count = max(map(console.parameter_count, texts))
    return [*given[:count], *[""] * (count - len(given))]


class Typed(BaseModel):
    """What somebody typed.

    Attributes:
        text: a question, or one statement.
        how: what to do with it; "run" tells a question from a statement by itself.
        rows, seconds: limits of a statement.
        parameters: values of `$1`, `$2`, ..., null is NULL. A form has the fields p1, p2, ..., null1, null2, ..., and
            `given`, how many of them it showed.
        writes: whether "analyze" may run a statement that writes.
        format: the statement's rows as a file instead of a page.
    """

    text: str = Field(default="", max_length=100_000)
    how: Literal["run", "explain", "analyze"] = "run"
    rows: int = Field(default=500, ge=1, le=console.MOST_ROWS)
    seconds: float = Field(default=30, gt=0, le=console.MOST_SECONDS)
    parameters: list[str | None] = Field(default=[], max_length=console.MOST_PARAMETERS)
    writes: bool = False

    @model_validator(mode="before")
    @classmethod
    def _from_fields(cls, data: object) -> object:
        return _with_parameters(data)

    @property
    def wanted(self) -> list[str | None]:
        """A value for each `$n` of the text, as far as they are given, to be shown in the form."""
        return _wanted(self.parameters, self.text)

    def limits(self) -> Limits:
        """The limits of a statement."""
        return Limits(self.rows, self.seconds)


class Judgement(BaseModel):
    """Whether an answer was right; `correction` is the statement that would have been."""

    question: int
    correct: bool
    correction: str | None = None


class Two(BaseModel):
    """Two statements whose plans are compared; with `analyze` both run, with `writes` also one that writes.

    Attributes:
        parameters: of both, as in `Typed`.
        seconds: that each of them may take.
    """

    left: str = Field(default="", max_length=100_000)
    right: str = Field(default="", max_length=100_000)
    analyze: bool = False
    writes: bool = False
    parameters: list[str | None] = Field(default=[], max_length=console.MOST_PARAMETERS)
    seconds: float = Field(default=30, gt=0, le=console.MOST_SECONDS)

    @model_validator(mode="before")
    @classmethod
    def _from_fields(cls, data: object) -> object:
        return _with_parameters(data)

    @property
    def wanted(self) -> list[str | None]:
        """As of `Typed`."""
        return _wanted(self.parameters, self.left, self.right)


@dataclass(frozen=True, slots=True)
class Runs:
    """A question or statement of one's own that runs now; `number` names it."""

    number: str
    text: str
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class Cancelling:
    """How many were asked to end: 0 when it was over already."""

    cancelled: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it: an answer, rows or a plan; nothing yet before something was sent.

    Attributes:
        typed: as it was sent.
        history: one's own last questions, newest first.
        running: one's own questions and statements here that have not ended.
    """

    typed: Typed
    answer: Answer | None = None
    rows: Rows | None = None
    plan: Plan | None = None
    history: tuple[Asked, ...] = field(default=())
    running: tuple[Runs, ...] = field(default=())


@room.see("/ask", "ask.html")
def box(database: InDatabase, by: Visiting, text: str = "") -> Outcome:
    """The empty box, or with a text that is not run yet, and one's own last questions."""
    return Outcome(Typed(text=text[:100_000]), history=_history(database, by), running=running(by))


@room.run("/ask", "ask.html")
def ask(database: InOwnPath, by: Visiting, body: Typed) -> Outcome:
    """Answer a question, run a statement, or plan it."""
    if not body.text.strip():
        return Outcome(body, history=_history(database, by))
    if body.how != "run":
        analyze = body.how == "analyze"
        plan = console.explain(
            database, body.text, body.parameters if analyze else _known(body.parameters),
            analyze=analyze, writes=body.writes, limits=body.limits(), safety=_safety(database, by),
        )  # fmt: skip
        return Outcome(body, plan=plan)
    if console.is_statement(body.text):
        return Outcome(body, rows=_run(database, by, body))
    return Outcome(body, answer=asking.answer(database, body.text, body.rows, body.seconds))


@room.read("/ask/running")
def running(by: Visiting) -> tuple[Runs, ...]:
    """One's own questions and statements in this database that have not ended, the oldest first."""
    return tuple(Runs(one.number, one.text, one.begun_at) for one in by.site.running.of(by.session.whose, by.database))


@room.do("/ask/running/{number}/cancel", then=lambda _visit, _result: ("/ask", "The server was asked to end it."))
def cancel_statement(by: Visiting, number: str) -> Cancelling:
    """End a question or statement of one's own."""
    return Cancelling(by.site.running.cancel(by.session.whose, number))


@room.do("/ask/feedback", then=lambda _visit, _result: ("/ask", "Thank you: that answer is judged."))
def judge(database: InOwnPath, body: Judgement) -> None:
    """Say whether an answer was right."""
    asking.feedback(database, body.question, body.correct, body.correction)


@room.read("/ask/names")
def names(database: InOwnPath) -> NamesSeen:
    """Relations and columns for completion."""
    return console.names(database)


@room.see("/plans", "plans.html")
def empty_plans(_database: InDatabase, left: str = "", right: str = "") -> Two:
    """The form for two statements."""
    return Two(left=left[:100_000], right=right[:100_000])


@room.run("/plans", "plans.html")
def compare(database: InOwnPath, by: Visiting, body: Two) -> PlanPair:
    """The plans of two statements, node beside node."""
    safety = _safety(database, by)

    def plan(text: str) -> Plan:
        return console.explain(
            database, text, body.parameters if body.analyze else _known(body.parameters),
            analyze=body.analyze, writes=body.writes, limits=Limits(seconds=body.seconds), safety=safety,
        )  # fmt: skip

    left, right = plan(body.left), plan(body.right)
    if body.analyze and not body.writes:
        # The first one brought into memory what the second one read: only of a second look are both told alike.
        left, right = plan(body.left), plan(body.right)
    return console.compare_plans(left, right)


@room.pages.get("/plans/viewer")
def viewer(request: Request, visit: Visiting) -> Response:
    """The frame in which a plan is drawn, which the page around it hands over; the library sets style attributes."""
    response = page(request, "viewer.html", room=room, visit=visit)
    response.headers["content-security-policy"] = (
        "default-src 'none'; script-src 'self'; img-src 'self' data:; font-src 'self' data:; "
        "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return response


@room.pages.post("/ask/rows.{form}", dependencies=[Depends(own_statement, scope="function")])
def download(
    database: InOwnPath,
    by: Visiting,
    form: Literal["csv", "json"],
    fields: Annotated[Typed, Depends(Room.form(Typed))],
) -> Response:
    """Run the statement again and give its rows as a file."""
    if not console.is_statement(fields.text):
        raise UsageError("only the rows of a statement can be had as a file", hint="Send the answer's statement.")
    found = _run(database, by, fields)
    text, kind = (as_csv(found), "text/csv") if form == "csv" else (as_json(found), "application/json")
    headers = {"content-disposition": f'attachment; filename="rows.{form}"'}
    return Response(text, media_type=f"{kind}; charset=utf-8", headers=headers)


def as_csv(found: Rows) -> str:
    """Rows as CSV (RFC 4180), NULL empty. What a spreadsheet would take for a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([unarmed(name) for name in found.columns])
    for row in found.rows:
        writer.writerow(
            [
                value if numeric or value is None else unarmed(value)
                for value, numeric in zip(row, found.numeric, strict=True)
            ]
        )
    return out.getvalue()


def as_json(found: Rows) -> str:
    """Rows as a list of lists beside their columns, as names need not be unique; numbers stay text, to be exact."""
    told = {"columns": found.columns, "types": found.types, "rows": found.rows, "more": found.more}
    told |= {"full": found.full, "cut": found.cut}
    return json.dumps(told, ensure_ascii=False)


def _run(database: InDatabase, by: Visiting, typed: Typed) -> Rows:
    return console.run(database, typed.text, typed.parameters, typed.limits(), _safety(database, by))


def _safety(database: InDatabase, by: Visiting) -> Safety:
    """Of that database; the catalog is the same for whoever reads it."""
    found = by.site.judged[by.database] = console.judge(database, by.site.judged.get(by.database))
    return found


def _history(database: InDatabase, by: Visiting) -> tuple[Asked, ...]:
    return asking.history(database, HISTORY) if by.level in {"user", "operator"} else ()
