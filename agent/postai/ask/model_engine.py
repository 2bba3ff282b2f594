"""The model engine: a schema, a question, one structured answer, and at most two chances to mend it.

What the model says is compared with what the embedded engine read, and on request with a second, independent answer of
the model: agreement makes surer, disagreement is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from postai.ask.about_database import answer_about_database, topic_named
from postai.ask.prompt import SECOND_READING, ModelAnswer, Prompt, build_prompt
from postai.ask.questions import asks_for_change
from postai.ask.types import Answer, AskOptions, AskRequest, Digest, Explain, Grammar, Reading
from postai.ask.verify import PlanningError, TooExpensive, verify
from postai.database.catalog import Catalog
from postai.deadline import Cancelled, Deadline, DeadlineExceeded
from postai.errors import ModelFailed, NotSure, PostaiError, Refused
from postai.model.blocks import one_line
from postai.model.generate import ComplaintError, generate
from postai.model.types import Completer
from postai.sql.parse import canonical
from postai.sql.safety import Safety

SURE_ENOUGH = 0.5
"""Confidence from which a statement is run."""
DOUBTFUL = 0.75
"""Confidence below which another look is worth its cost."""
MOST_OTHERS = 2
LONGEST_EXPLANATION = 1_500
LONGEST_REASON = 600


@dataclass(frozen=True)
class ModelEngine:
    """What reading with a model needs.

    Attributes:
        catalog: what the caller may read.
        grammar: the embedded engine of the same catalog: chooses the tables that are told.
        safety: what the guard must know.
        explain: runs EXPLAIN as the caller.
        digest: sums up a result as the caller; None = results cannot be compared.
        model: who is asked.
        options: settings.
    """

    catalog: Catalog
    grammar: Grammar
    safety: Safety
    explain: Explain
    digest: Digest | None
    model: Completer
    options: AskOptions

    def read(self, request: AskRequest, others: tuple[Reading, ...], deadline: Deadline) -> Answer:
        """Answer a question.

        Args:
            request: the question.
            others: how the embedded engine read it, likeliest first; may be empty.
            deadline: for everything together.

        Raises:
            NotSure: the model says that it cannot be answered.
            Refused: the question asks for a change, or the SQL is not allowed, also after one repair.
            ModelFailed, BudgetSpent: no usable answer; PA004 also when the SQL does not run after two repairs.
            NotPermitted: the caller lacks a right.
            PlanningError: the server could not plan at this moment (cancelled, locked, no memory).
            Cancelled, DeadlineExceeded: the caller is gone, the time is over.
        """
        prompt = build_prompt(request, self.catalog, self.grammar, share_values=self.options.share_values)
        first = self._ask(prompt, request, deadline)
        agreed, disagreeing = self._compare(first, others[:MOST_OTHERS], request)
        if agreed:
            first = surer(first)
        # A different reading of the embedded engine is told, and does not make less sure by itself.
        told = replace(first, readings=(*first.readings, *disagreeing))
        opposed = not agreed and any(one.confidence >= SURE_ENOUGH for one in disagreeing)
        doubtful = first.confidence < DOUBTFUL or opposed
        if self.options.second_sample and self.digest is not None and doubtful:
            told = self._second(prompt, request, told, deadline)
        return _decided(told)

    def _ask(self, prompt: Prompt, request: AskRequest, deadline: Deadline, more: str = "") -> Answer:
        def check(answer: ModelAnswer) -> Answer:
            deadline.check()
            return self._judge(answer, request)

        turn = f"{prompt.turn}\n{more}" if more else prompt.turn
        return generate(self.model, "ask", prompt.system, turn, ModelAnswer, check, deadline)

    def _judge(self, answer: ModelAnswer, request: AskRequest) -> Answer:
        """The answer with its statement verified, whatever its confidence."""
        if answer.asks_for_change:
            raise asks_for_change()
        if answer.database_topic and not (answer.sql or "").strip():
            return self._about_database(answer.database_topic, request)
        if answer.sql is None or not answer.sql.strip():
            raise NotSure(
                "the question cannot be answered from this database",
                detail=one_line(answer.cannot_answer_reason or "", LONGEST_REASON) or None,
                hint="Say which table or column you mean, or ask about what the database holds.",
            )
        sql = self._verified(answer.sql, request)
        explanation = _explanation(answer)
        reading = Reading(explanation, sql, answer.confidence)
        return Answer("answered", sql, explanation, answer.confidence, "model", (reading,))

    def _about_database(self, name: str, request: AskRequest) -> Answer:
        topic = topic_named(name, self.catalog)
        if topic is None:
            raise ComplaintError(
                f"There is no database_topic of this name: {one_line(name, 80)}",
                NotSure("the question cannot be answered from this database", hint="Put it in other words."),
                kind="form",
                at_most=1,
            )
        return answer_about_database(
            topic, "model", request, safety=self.safety, explain=self.explain, options=self.options
        )

    def _verified(self, sql: str, request: AskRequest) -> str:
        try:
            return verify(sql, request, safety=self.safety, explain=self.explain, options=self.options)
        except TooExpensive:
            raise
        except Refused as refused:
            raise ComplaintError(
                f"The SQL is not allowed: {refused.message}. {refused.detail or ''}",
                refused,
                kind="guard",
                at_most=1,
            ) from None
        except PlanningError as failed:
            if not failed.about_statement:
                raise
            parts = failed.parts
            told = "\n".join(filter(None, (f"ERROR {parts.sqlstate}: {parts.message}", parts.detail, parts.hint)))
            raise ComplaintError(
                f"The server does not accept the SQL.\n{told}",
                ModelFailed(
                    "the model's SQL does not run",
                    detail=f"after all repairs the server still says: {one_line(parts.message, LONGEST_REASON)}",
                    hint="Put the question in other words.",
                ),
                kind="server",
                at_most=2,
            ) from None

    def _compare(
        self, answer: Answer, others: tuple[Reading, ...], request: AskRequest
    ) -> tuple[bool, tuple[Reading, ...]]:
        """Whether another reading says the same, and those that say something else.

        Statements are run only where that can change what becomes of the answer.
        """
        different = tuple(one for one in others if not _same_statement(one.sql, answer.sql or ""))
        if len(different) < len(others):
            return True, ()
        if not others or (answer.confidence >= DOUBTFUL and not self.options.second_sample):
            return False, different
        equal = [self._same_result(answer, one.sql, request) for one in different]
        kept = tuple(one for one, same in zip(different, equal, strict=True) if not same)
        return any(equal), kept

    def _same_result(self, answer: Answer, sql: str, request: AskRequest) -> bool | None:
        """Whether two statements give the same rows; None = that is not known."""
        if self.digest is None or answer.sql is None:
            return None
        try:
            checked = verify(sql, request, safety=self.safety, explain=self.explain, options=self.options)
        except (Cancelled, DeadlineExceeded):
            raise
        except PostaiError:
            return None
        one = self.digest(answer.sql)
        if one.digest is None:
            return None
        other = self.digest(checked)
        return None if other.digest is None else one.digest == other.digest

    def _second(self, prompt: Prompt, request: AskRequest, first: Answer, deadline: Deadline) -> Answer:
        """The first answer compared with a second one: surer when both give the same, a doubt when they do not."""
        try:
            second = self._ask(prompt, request, deadline, SECOND_READING)
        except NotSure as unsure:
            return _doubt(first, (), f"asked a second time, the model says: {unsure.detail or unsure.message}")
        except (Cancelled, DeadlineExceeded):
            raise
        except PostaiError:
            return first  # nothing was learnt
        assert second.sql is not None
        same = _same_statement(first.sql or "", second.sql) or self._same_result(first, second.sql, request)
        if same is None:
            return first
        if same:
            return surer(replace(first, confidence=max(first.confidence, second.confidence)))
        return _doubt(first, second.readings, "asked twice, the model gave two statements with different results")


def surer(answer: Answer) -> Answer:
    """The answer with half of its doubt gone."""
    confidence = round(1 - (1 - answer.confidence) / 2, 3)
    own = replace(answer.readings[0], confidence=confidence)
    return replace(answer, confidence=confidence, readings=(own, *answer.readings[1:]))


def _doubt(first: Answer, others: tuple[Reading, ...], reason: str) -> Answer:
    own, *rest = first.readings
    return Answer(
        "abstained", None, "", 0.0, "model", (own, *others, *rest), reason=reason, sqlstate=NotSure.sqlstate,
        hint="When one of the readings is what you meant, run its SQL; otherwise put the question in other words.",
    )  # fmt: skip


def _decided(answer: Answer) -> Answer:
    """An answer that is not sure enough is shown and not run."""
    if answer.status != "answered" or answer.confidence >= SURE_ENOUGH:
        return answer
    return Answer(
        "abstained", None, "", answer.confidence, "model", answer.readings,
        reason="the model is not sure that this is what was asked",
        sqlstate=NotSure.sqlstate,
        hint="Put the question in other words; when the reading is what you meant, run its SQL.",
    )  # fmt: skip


def _same_statement(one: str, other: str) -> bool:
    try:
        return canonical(one) == canonical(other)
    except Refused:
        return False


def _explanation(answer: ModelAnswer) -> str:
    text = one_line(answer.explanation, LONGEST_EXPLANATION)
    assumed = "; ".join(one_line(one, 200).rstrip(".") for one in answer.assumptions)
    return f"{text} Assumed: {assumed}." if assumed else text
