"""Every topic, in the order in which equals are preferred and in which the manual lists them."""

from __future__ import annotations

from postai.ask.database_questions.topic import Topic
from postai.ask.database_questions.topics_activity import ACTIVITY
from postai.ask.database_questions.topics_advice import ADVICE
from postai.ask.database_questions.topics_indexes import INDEXES
from postai.ask.database_questions.topics_server import SERVER
from postai.ask.database_questions.topics_storage import STORAGE
from postai.ask.database_questions.topics_tables import TABLES

FAMILIES: tuple[tuple[str, tuple[Topic, ...]], ...] = (
    ("Who does what", ACTIVITY),
    ("What to do", ADVICE),
    ("Indexes", INDEXES),
    ("Size", STORAGE),
    ("Tables and vacuum", TABLES),
    ("The server", SERVER),
)
"""The manual's headings and their topics."""

TOPICS: tuple[Topic, ...] = tuple(topic for _, family in FAMILIES for topic in family)
