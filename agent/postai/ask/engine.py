"""`ask`: from a question to SQL that is right, allowed and affordable, or to an honest refusal."""

from __future__ import annotations

from dataclasses import replace

from postai.ask.about_database import answer_about_database, is_of_topic
from postai.ask.database_questions import recognise
from postai.ask.model_engine import ModelEngine
from postai.ask.questions import check_question, refuse_non_questions
from postai.ask.recalling import may_be_kept, recall_key
from postai.ask.types import (
    Answer,
    AskOptions,
    AskRequest,
    Digest,
    Engine,
    Explain,
    Grammar,
    Reading,
    Recall,
    Status,
)
from postai.ask.verify import PlanningError, TooExpensive, verify
from postai.database.catalog import Catalog
from postai.deadline import Cancelled, Deadline, DeadlineExceeded
from postai.errors import ModelFailed, NotPermitted, NotSure, PostaiError, Refused
from postai.model.transcript import TranscriptDamaged
from postai.model.types import Completer
from postai.sql.guard import check
from postai.sql.safety import Safety

NO_MODEL_HINT = "Put it in other words, or configure a model (ANTHROPIC_API_KEY in the agent's environment)."


def ask(
    request: AskRequest,
    *,
    catalog: Catalog,
    grammar: Grammar,
    safety: Safety,
    explain: Explain,
    model: Completer | None,
    options: AskOptions,
    deadline: Deadline,
    digest: Digest | None = None,
    recall: Recall | None = None,
) -> Answer:
    """Find the statement that answers a question. EXPLAIN is asked of the caller's backend; otherwise nothing is run.

    Order: what is no question is refused; what asks about the database itself is answered; the grammar engine reads;
    the model reads what the grammar engine is not sure of, unless its answer to the same question is remembered; every
    statement passes the guard, then EXPLAIN as the caller, then the cost ceiling.

    Args:
        request: the question and who asks.
        catalog: already narrowed to what the caller may read.
        grammar: the embedded engine, made for the same catalog.
        safety: what the guard must know about the database.
        explain: runs EXPLAIN as the caller.
        model: None = none is configured.
        options: settings.
        deadline: for everything together.
        digest: sums up the result of a statement as the caller, where two are compared; None = nothing is ever run.
        recall: answers of the model that were given before; None = none are kept.

    Returns:
        an answer of any status; failures of the model are answers with status "failed".

    Raises:
        UsageError: no question at all (empty, too long, NUL, not Unicode).
        Cancelled, DeadlineExceeded: the caller is gone, the time is over.
    """
    check_question(request.question)
    deadline.check()
    try:
        refuse_non_questions(request.question, catalog)
    except Refused as refused:
        return as_answer(refused, "grammar")
    if (topic := recognise(request.question, catalog)) is not None:
        try:
            return answer_about_database(topic, "grammar", request, safety=safety, explain=explain, options=options)
        except (Cancelled, DeadlineExceeded):
            raise
        except PostaiError as error:
            return as_answer(error, "grammar")
    readings: tuple[Reading, ...] = ()
    if options.engine != "model":
        first = _by_grammar(request, grammar=grammar, safety=safety, explain=explain, options=options)
        if first.status != "abstained" or options.engine == "grammar":
            return first
        if model is None:
            return replace(first, hint=first.hint or NO_MODEL_HINT)
        readings = first.readings
    elif model is not None:
        readings = _allowed(grammar.read(request).readings, request, safety, options)
    deadline.check()
    try:
        if model is None:
            raise ModelFailed(
                "no model is configured",
                hint="Set ANTHROPIC_API_KEY in the agent's environment or api_key in section [model] of postai.toml, "
                "or choose the setting engine = grammar.",
            )
        engine = ModelEngine(catalog, grammar, safety, explain, digest, model, options)
        return _remembered(engine, request, readings, recall, deadline)
    except (Cancelled, DeadlineExceeded, TranscriptDamaged):
        raise
    except PostaiError as error:
        return as_answer(error, "model", readings if options.engine != "model" else ())


def _remembered(
    engine: ModelEngine, request: AskRequest, readings: tuple[Reading, ...], recall: Recall | None, deadline: Deadline
) -> Answer:
    """The model's answer, from before where it is kept and still stands."""
    if recall is None:
        return engine.read(request, readings, deadline)
    key = recall_key(request, engine.catalog, engine.options, engine.model.name)
    known = recall.find(key)
    if known is not None and known.sql is not None:
        try:
            sql = verify(known.sql, request, safety=engine.safety, explain=engine.explain, options=engine.options)
        except (PlanningError, Refused) as error:
            if isinstance(error, TooExpensive):
                raise
        else:
            return replace(known, sql=sql)
    answer = engine.read(request, readings, deadline)
    if may_be_kept(answer, request) and not is_of_topic(answer):
        recall.keep(key, answer)
    return answer


def _by_grammar(
    request: AskRequest, *, grammar: Grammar, safety: Safety, explain: Explain, options: AskOptions
) -> Answer:
    """The grammar engine's answer, verified; what the server does not accept is not given out."""
    answer = grammar.read(request)
    if answer.status != "answered" or answer.sql is None:
        return replace(answer, readings=_allowed(answer.readings, request, safety, options))
    try:
        sql = verify(answer.sql, request, safety=safety, explain=explain, options=options)
    except PlanningError as failed:
        if not failed.about_statement:
            return as_answer(failed, "grammar")
        doubt = NotSure(
            "the reading that was found does not run",
            detail=failed.message,
            hint="Put the question in other words.",
        )
        return as_answer(doubt, "grammar")
    except PostaiError as error:
        return as_answer(error, "grammar", answer.readings)
    return replace(answer, sql=sql)


def _allowed(
    readings: tuple[Reading, ...], request: AskRequest, safety: Safety, options: AskOptions
) -> tuple[Reading, ...]:
    """The readings whose SQL a person could run safely: they are shown, and people run what they are shown."""

    def passes(reading: Reading) -> bool:
        try:
            check(
                reading.sql,
                safety,
                search_path=request.search_path,
                allowed_functions=options.allowed_functions,
            )
        except Refused:
            return False
        return True

    return tuple(filter(passes, readings))


def as_answer(error: PostaiError, engine: Engine, readings: tuple[Reading, ...] = ()) -> Answer:
    """An error as an answer: refused, abstained or failed."""
    status: Status = "failed"
    if isinstance(error, TooExpensive):
        readings = (Reading("what was found, but not run", error.sql, 0.0),)
    if isinstance(error, Refused | NotPermitted):
        status = "refused"
    elif isinstance(error, NotSure):
        status = "abstained"
    sqlstate = error.parts.sqlstate if isinstance(error, PlanningError) else error.sqlstate
    reason = f"{error.message}: {error.detail}" if error.detail else error.message
    return Answer(status, None, "", 0.0, engine, readings, reason=reason, sqlstate=sqlstate, hint=error.hint)
