"""Questions about the database itself: a registry of topics, each one entry and one named SQL block.

To make a new view askable, add a `Topic` to one of the `topics_*.py` lists and a block of the same name to the .sql
file beside it. The tests run every topic's statement on every server at hand, and the manual's page is made of the
registry.

The statements read statistics views that generated SQL may not name (they show settings and other sessions), so the
list of what is allowed is widened for exactly these texts, which hold nothing of the question but checked literals:
see `wider.py`.
"""

from postai.ask.database_questions.recognise import Recognised, of_topic, recognise, topics
from postai.ask.database_questions.topic import Topic
from postai.ask.database_questions.wider import widened

__all__ = ["Recognised", "Topic", "of_topic", "recognise", "topics", "widened"]
