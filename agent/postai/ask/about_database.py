"""Answers to questions about the database itself: the statement of a topic, checked and planned like any other."""

from __future__ import annotations

from postai.ask.database_questions import Recognised, of_topic, recognise, widened
from postai.ask.database_questions.registry import TOPICS
from postai.ask.types import Answer, AskOptions, AskRequest, Engine, Explain, Reading
from postai.ask.verify import verify
from postai.database.catalog import Catalog
from postai.errors import FeatureMissing, Refused
from postai.sql.parse import parse_one, plain_text
from postai.sql.safety import Safety


def answer_about_database(
    found: Recognised, engine: Engine, request: AskRequest, *, safety: Safety, explain: Explain, options: AskOptions
) -> Answer:
    """The answer of a topic; an abstention with PA007 where this server lacks what it needs.

    Args:
        found: what the question asks of the database.
        engine: which engine found it.

    Raises:
        PostaiError: as `verify`.
    """
    if found.sql is None:
        lacking = FeatureMissing.sqlstate
        return Answer("abstained", None, "", 0.0, engine, reason=found.missing, sqlstate=lacking, hint=found.hint)
    sql = verify(found.sql, request, safety=widened(safety), explain=explain, options=options)
    reading = Reading(found.topic.title, sql, found.confidence)
    return Answer("answered", sql, found.explanation, found.confidence, engine, (reading,))


def topic_names() -> tuple[str, ...]:
    """Ids of the topics that a model may name: those that need nothing else to be said."""
    return tuple(topic.id for topic in TOPICS if not topic.needs_parameter)


def topic_named(name: str, catalog: Catalog) -> Recognised | None:
    """The topic of an id that a model named; None = there is none."""
    found = next((topic for topic in TOPICS if topic.id == name and not topic.needs_parameter), None)
    return of_topic(found, catalog) if found is not None else None


def is_of_topic(answer: Answer) -> bool:
    """Whether `answer_about_database` gave this answer."""
    return any(answer.explanation == topic.explanation for topic in TOPICS)


def is_about_database(sql: str, question: str, catalog: Catalog) -> bool:
    """Whether a statement is the very text that a topic gives for this question, or without any.

    Only such a statement may be checked against the wider list.

    Args:
        sql: as `verify` returned it.
    """
    asked = recognise(question, catalog)
    candidates = [asked, *(of_topic(topic, catalog) for topic in TOPICS if not topic.needs_parameter)]
    return any(one is not None and one.sql is not None and _written(one.sql) == sql for one in candidates)


def _written(sql: str) -> str | None:
    try:
        return plain_text(parse_one(sql))
    except Refused:
        return None
