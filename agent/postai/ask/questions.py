"""What is not a question: too long, no text, SQL, or a request to change something."""

from __future__ import annotations

import re

from postai.database.catalog import Catalog
from postai.errors import Refused, UsageError
from postai.sql.nodes import messages
from postai.sql.parse import Statement, Unparsable, parse

LONGEST = 4_000
"""Characters of a question. A person's question has fewer than 200; more is a document or an attack."""

# Regular expressions over the start of the question, where the verb of a request stands. Each verb is also a noun or
# part of a name somewhere ("drop rate", "update history"), so what follows it must look like an object.
OPENING = (
    r"^\W*(?:(?:please|kindly|now|then|ok|okay|hey|hi|hello|just|first|also|postai|can|could|will|would|you|i|we|want|"
    r"need|like|let|us|lets|let's|i'd|to|go|ahead|and|help|me)\b[\s,:!]*)*"
)
THING = (
    r"(?:table|column|index|view|schema|role|user|database|constraint|trigger|function|sequence|partition|row|record|"
    r"value|key|type)(?:s|es)?\b"
)
OBJECT = (
    r"(?:the|all|every|each|any|a|an|this|that|these|those|my|our|it|them|everything|old|new|duplicate)\b"
    rf"|(?:\w+\s+)?{THING}"
)
CHANGES = tuple(
    re.compile(OPENING + pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:delete|erase|wipe|purge|truncate|drop|destroy)\s+(?:from\b|{OBJECT}|\S+$)",
        r"(?:delete|erase|purge)\s+\w+\s+(?:from|where|with|who|that|which|older)\b",
        rf"(?:remove|rename|alter|modify)\s+(?:{OBJECT}|\S+\s+(?:from|to|where)\b)",
        r"insert\b(?!\w|\s+(?:rate|time|date|count|history)s?\b)",
        rf"update\s+(?:{OBJECT}|\S+\s+set\b|\w+\s+(?:to|where|with)\b)",
        r"(?:create|add|make|build)\s+(?:or\s+replace\s+)?(?:(?:a|an|the|another|new|unique|temporary)\s+)*"
        rf"(?:\w+\s+)?{THING}(?!\s+of\b)",
        r"add\s+(?:a|an|another|new)\s+.*\bto\s+\w",
        rf"(?:set|change|increase|decrease|raise|lower|reset|reduce)\s+(?:{OBJECT})\s+.*\b(?:to|by|for)\b",
        r"(?:grant|revoke)\s+\S+",
        r"(?:vacuum|reindex)\s+(?:full\s+)?(?:the\s+|all\s+)?\S+$",
        r"(?:cancel|archive|merge|import|copy|move)\s+(?:all|every|the|these|those)\s",
    )
)
LATER_CHANGES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:;|\bthen\b|\band\b)\s*(?:then\s+|also\s+)?(?:please\s+)?(?:delete|drop|truncate|erase|purge|wipe)\s+"
        r"(?:it|them|the|all|those|these|from|table)\b",
        r";\s*(?:drop|delete|update|insert|alter|truncate|create|grant|revoke|copy|do|call|set|merge|vacuum)\b",
    )
)
SQL_MARKS = re.compile(r"[*;=()'\"<>]|::|\d")
BROKEN_SQL = re.compile(
    r"^\s*select\s+(?:\*|[\w.\"]+\s*,\s*[\w.\"]+.*\bfrom\b|.*\bfrom\b.*\bwhere\b.*[=<>'])", re.IGNORECASE | re.DOTALL
)
# Statements that begin like plain English ("show customers", "fetch orders", "analyze sales") say nothing alone.
AMBIGUOUS = frozenset(
    {"SHOW", "FETCH", "MOVE", "LOAD", "LISTEN", "NOTIFY", "CLOSE CURSOR", "EXECUTE", "ANALYZE", "CLUSTER"}
)
READING = frozenset({"SELECT", "EXPLAIN", "SHOW"})
WRITING = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CreateTableAsStmt"})

CHANGE_HINT = "Use postai.migrate('...') to propose a change; ask only reads."


def check_question(question: str) -> None:
    """Raise `UsageError` for what cannot be a question at all: empty, too long, NUL, not Unicode."""
    if not question.strip():
        raise UsageError("the question is empty", hint="Ask in words, for example: how many orders came in last month?")
    if len(question) > LONGEST:
        raise UsageError(
            f"the question is too long: {len(question)} characters",
            detail=f"at most {LONGEST} characters are read",
            hint="Ask one thing in a sentence or two.",
        )
    if "\0" in question:
        raise UsageError("the question holds a NUL character", hint="Remove it and ask again.")
    try:
        question.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(
            "the question is not valid Unicode",
            detail=f"character {error.start + 1} cannot be written as UTF-8",
            hint="Send the question in the client's encoding (SHOW client_encoding).",
        ) from None
    if not any(character.isalnum() for character in question):
        raise UsageError("the question holds no words", hint="Ask in words.")


def refuse_non_questions(question: str, catalog: Catalog) -> None:
    """Raise `Refused` for SQL and for requests to change something."""
    if any(pattern.search(question) for pattern in (*CHANGES, *LATER_CHANGES)):
        raise asks_for_change()
    statements = _as_sql(question)
    if not statements:
        if BROKEN_SQL.search(question):
            raise _is_sql("it does not parse as SQL either")
        return
    kinds = {statement.statement_class for statement in statements}
    if kinds <= AMBIGUOUS and ";" not in question:
        return
    if not kinds <= READING or any(
        node.DESCRIPTOR.name in WRITING for one in statements for node in messages(one.tree)
    ):
        raise asks_for_change()
    if len(statements) > 1 or _clearly_sql(statements[0], question, catalog):
        raise _is_sql(None)


def asks_for_change() -> Refused:
    """The refusal of a request to change data, tables, rights or settings."""
    return Refused(
        "the question asks to change something, and ask only reads",
        detail="nothing was changed",
        hint=CHANGE_HINT,
    )


def _is_sql(detail: str | None) -> Refused:
    return Refused(
        "this is SQL, not a question",
        detail=detail,
        hint="Run the statement itself, or ask in words what you want to know.",
    )


def _as_sql(question: str) -> tuple[Statement, ...]:
    try:
        return parse(question)
    except Unparsable:
        return ()


def _clearly_sql(statement: Statement, question: str, catalog: Catalog) -> bool:
    """Whether a text that parses is meant as SQL: "select customers from Germany" parses too, and is a question."""
    if SQL_MARKS.search(question):
        return True
    names = {table.name for table in catalog.tables}
    relations = [node.relname for node in messages(statement.tree) if node.DESCRIPTOR.name == "RangeVar"]
    return bool(relations) and all(name in names for name in relations)
