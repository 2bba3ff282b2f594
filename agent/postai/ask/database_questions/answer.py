"""From a recognised topic to an answer that may be given out."""

from __future__ import annotations

from dataclasses import replace

from postai.ask.database_questions.recognise import Recognised
from postai.ask.database_questions.wider import widened
from postai.ask.types import Answer, AskOptions, AskRequest, Explain, Reading
from postai.ask.verify import verify
from postai.errors import FeatureMissing
from postai.sql.safety import Safety


def answer(found: Recognised, request: AskRequest, *, safety: Safety, explain: Explain, options: AskOptions) -> Answer:
    """The topic's statement, verified as any other; an abstention where the server lacks what it needs.

    Raises:
        PostaiError: as `verify` does.
    """
    if found.sql is None:
        lacking = FeatureMissing.sqlstate
        return Answer("abstained", None, "", 0.0, "grammar", reason=found.missing, sqlstate=lacking, hint=found.hint)
    if found.topic.extension:
        allowed = options.allowed_functions | {f"extension {found.topic.extension}"}
        options = replace(options, allowed_functions=allowed)
    sql = verify(found.sql, request, safety=widened(safety), explain=explain, options=options)
    reading = Reading(found.topic.title, sql, found.confidence)
    return Answer("answered", sql, found.explanation, found.confidence, "grammar", (reading,))
