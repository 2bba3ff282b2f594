"""`post-ai teach`, `define`, `feedback`: the SQL functions of the same names, from a shell."""

from __future__ import annotations

from typing import Annotated

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, open_database
from postai.errors import UsageError

Shared = Annotated[bool, typer.Option("--shared", help="For everybody who asks here (operators only).")]


def teach(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    statement: Annotated[str, typer.Argument(help="The SELECT that answers it, in quotes.")],
    shared: Shared = False,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Keep a question and the statement that answers it as a verified example."""
    with open_database(dsn, connection) as database:
        example = database.query("select postai.teach(%s, %s, %s)", (question, statement, shared))[0][0]
    if json:
        output.show_json({"example": example, "shared": shared})
    else:
        output.say(f"example {example} is kept {'for everybody' if shared else 'for you'}")


def define(
    term: Annotated[str, typer.Argument(help="A word or a phrase, in quotes.")],
    meaning: Annotated[str, typer.Argument(help="What it means here, in words or as an SQL expression, in quotes.")],
    shared: Shared = False,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Say what a word means in this database."""
    with open_database(dsn, connection) as database:
        database.execute("select postai.define(%s, %s, %s)", (term, meaning, shared))
    if json:
        output.show_json({"term": term, "meaning": meaning, "shared": shared})
    else:
        output.say(f"{term}: {meaning} ({'for everybody' if shared else 'for you'})")


def feedback(
    question: Annotated[int, typer.Argument(help="Number of the question, as in postai.questions.")],
    correct: Annotated[bool, typer.Option("--correct/--wrong", help="Whether the answer was right.")],
    correction: Annotated[
        str | None, typer.Option("--correction", help="The SELECT that would have been right, in quotes.")
    ] = None,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Say whether an answer was right; a right one, or the correction, becomes a verified example."""
    if correct and correction is not None:
        raise UsageError(
            "a right answer needs no correction", hint="post-ai feedback NUMBER --wrong --correction '...'"
        )
    with open_database(dsn, connection) as database:
        database.execute("select postai.feedback(%s, %s, %s)", (question, correct, correction))
    if json:
        output.show_json({"question": question, "correct": correct, "correction": correction})
    else:
        output.say(f"noted: the answer to question {question} was {'right' if correct else 'wrong'}")
