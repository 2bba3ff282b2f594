"""Questions that somebody taught the answer to: a verified example of the very same question is the answer.

Its statement is as little trusted as any other: it passes the guard and EXPLAIN as whoever asks. One that holds a date
which the question does not name is left out, as it was right on the day on which it was taught.
"""

from __future__ import annotations

import re

from google.protobuf.message import Message

from postai.ask.engine import as_answer
from postai.ask.types import Answer, AskOptions, AskRequest, Explain, Reading
from postai.ask.verify import PlanningError, TooExpensive, verify
from postai.errors import NotPermitted, Refused
from postai.language.taught import Example
from postai.model.blocks import one_line
from postai.sql.guard import check
from postai.sql.nodes import messages
from postai.sql.parse import parse_one
from postai.sql.safety import Safety

CONFIDENCE = 0.97
"""Of what a person said is right."""

_SPACES = re.compile(r"\s+")
_QUOTED = re.compile(r"[\"'`]")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_RELATIVE = re.compile(
    r"\b(?:today|yesterday|tomorrow|tonight|now|current|currently|this|last|latest|past|previous|prior|preceding|ago|"
    r"recent|recently|next|coming|upcoming|so far|to date|until|up to)\b",
    re.IGNORECASE,
)

_PARTS_OF_DATES = frozenset({"extract", "date_part", "to_char"})


def question_key(question: str) -> str:
    """What is equal for questions that are the same.

    They may differ in spaces, the mark at their end and, unless something in them is quoted, in capitals
    (postai._question_key compares by the same rule).
    """
    plain = _SPACES.sub(" ", question).strip(" ?.!")
    return plain if _QUOTED.search(plain) else plain.lower()


def answer_as_taught(request: AskRequest, *, safety: Safety, explain: Explain, options: AskOptions) -> Answer | None:
    """The answer of the first example that is the same question and still holds; None = there is none.

    Args:
        request: its examples are tried in their order, one's own before shared ones.
        safety, explain, options: as for `ask`.

    Raises:
        Cancelled, DeadlineExceeded: the caller is gone, the time is over.
    """
    if options.engine == "model":
        return None
    asked = question_key(request.question)
    for example in request.taught.examples:
        if question_key(example.question) != asked or not _holds(example, request, safety, options):
            continue
        try:
            sql = verify(example.sql, request, safety=safety, explain=explain, options=options)
        except NotPermitted:
            continue  # another reading may do with what this caller may use
        except PlanningError as failed:
            if failed.about_statement:
                continue
            return as_answer(failed, "grammar")
        except TooExpensive as dear:
            return as_answer(dear, "grammar")
        text = _credit(example)
        return Answer("answered", sql, text, CONFIDENCE, "grammar", (Reading(text, sql, CONFIDENCE),))
    return None


def is_stale(sql: str, question: str) -> bool:
    """Whether a statement names a time that its question does not, so that it was right on one day only.

    Every year in the statement's constants must be one that the question names, or lie beside it ("in 2024" ends before
    2025-01-01); and a question that also counts from today ("since 2024 until now") names no time for good.

    Raises:
        Unparsable: the statement is no SQL.
    """
    tree = parse_one(sql).tree
    constants = [node for node in messages(tree) if node.DESCRIPTOR.name == "A_Const"]
    texts = [int(year) for one in constants for year in _YEAR.findall(one.sval.sval)]
    numbers = [one.ival.ival for one in constants if 1900 <= one.ival.ival < 2100]
    named = {int(year) + step for year in _YEAR.findall(question) for step in (-1, 0, 1)}
    if not named.issuperset(texts + numbers):
        return True
    return _RELATIVE.search(question) is not None and (bool(texts) or _has_number_of_date(tree))


def _has_number_of_date(tree: Message) -> bool:
    """Whether a part of a date is compared with a number ("extract(month from at) = 11")."""
    for node in messages(tree):
        if node.DESCRIPTOR.name == "A_Expr":
            inside = list(messages(node))
            called = {one.funcname[-1].string.sval for one in inside if one.DESCRIPTOR.name == "FuncCall"}
            constants = [one for one in inside if one.DESCRIPTOR.name == "A_Const"]
            numbers = any(one.HasField("ival") or one.sval.sval.strip().isdecimal() for one in constants)
            if called & _PARTS_OF_DATES and numbers:
                return True
    return False


def _holds(example: Example, request: AskRequest, safety: Safety, options: AskOptions) -> bool:
    """Whether an example is allowed, is not of one day, and means for this caller what it meant for its teacher.

    Names without a schema are looked up along the caller's search_path: they must lead to the same tables.
    """

    def relations(search_path: tuple[str, ...]) -> tuple[int, ...]:
        return check(
            example.sql, safety, search_path=search_path, allowed_functions=options.allowed_functions
        ).relations

    try:
        if is_stale(example.sql, example.question):
            return False
        return not example.search_path or relations(request.search_path) == relations(example.search_path)
    except Refused:
        return False


def _credit(example: Example) -> str:
    who = f" by {one_line(example.taught_by, 64)}" if example.taught_by else ""
    return f"As taught{who}{' for everybody' if example.shared else ''}."
