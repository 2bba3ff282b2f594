"""Answers questions: finds the database, brings its catalog, rules and settings together, asks the engine, notes it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from postai.ask.engine import ask
from postai.ask.explaining import explain_statement, is_statement
from postai.ask.taught_answers import answer_as_taught
from postai.ask.types import Answer, Reading
from postai.ask.verify import verify
from postai.deadline import Cancelled, Deadline
from postai.errors import AgentNotReachable, ErrorParts, PostaiError, Refused, UsageError
from postai.migrate.checks import Found, require_harmless
from postai.migrate.draft import note_checks
from postai.migrate.drift_store import drift
from postai.model.types import ModelCall
from postai.service import move_check
from postai.service.conversation import Outcome, There
from postai.service.frames import (
    RUNNING_VERBS,
    AskFrame,
    answer_message,
    differences_message,
    error_message,
    findings_message,
    found_message,
    hazards_message,
    proposals_message,
)
from postai.service.ground import Ground, Home, prepare, read_options
from postai.service.linting import hazards
from postai.service.migrating import Made, sentence
from postai.service.optimizing import Report
from postai.service.recall import KeptAnswers
from postai.service.replicating import Places

log = logging.getLogger(__name__)

NO_ROWS = "SELECT count(*) FROM (SELECT 1 LIMIT 0) AS x"
"""What a check of a schema change gives where nothing stands in the way."""


class Asking:
    """Answers questions about all databases of the agent (the `Asked` of both fronts)."""

    def __init__(self, homes: Sequence[Home], sql: Mapping[str, str], places: Places) -> None:
        self._homes = tuple(homes)
        self._sql = sql
        self._places = places

    def respond(self, frame: AskFrame, there: There, deadline: Deadline) -> Outcome:
        """Think and give the last frame; never raises."""
        started = time.monotonic()
        try:
            home = self._home_of(frame)
            if frame.verb == "optimize" and not frame.question:
                return _proposed(frame, home.optimizer.everything(deadline))
            if frame.verb == "lint":
                return Outcome(hazards_message(frame.id, hazards(home.pool, frame.question, frame.search_path)))
            if frame.verb in ("migrate", "design"):
                return self._changed(home, frame, there, deadline)
            if frame.verb == "drift":
                with home.pool.database() as db:
                    return Outcome(differences_message(frame.id, drift(db).differences))
            if frame.verb == "replicate_check":
                return self._check_move(home, frame, deadline)
            ground = prepare(home, frame, there, deadline)
            steps = {"explain": self._explain, "check": self._check, "optimize": self._optimize}
            return steps.get(frame.verb, self._answer)(ground, started)
        except PostaiError as error:
            log.info(
                "no answer",
                extra={
                    "request": frame.id,
                    "database": frame.database,
                    "sqlstate": error.sqlstate,
                    "error": error.message,
                },
            )
            return Outcome(error_message(frame.id, error.as_parts()))
        except Exception:
            log.exception("a question failed unexpectedly", extra={"request": frame.id, "database": frame.database})
            return Outcome(error_message(frame.id, _unexpected(frame.id)))

    def cancel_backend(self, frame: AskFrame) -> None:
        """Cancel the statement that asked, if its backend still runs the very same one."""
        try:
            with self._home_of(frame).pool.database() as db:
                done = db.query(self._sql["cancel"], (frame.pid, frame.backend_start, frame.query_start))[0][0]
        except PostaiError as error:
            log.error(
                "a statement over ask_timeout could not be cancelled",
                extra={"request": frame.id, "pid": frame.pid, "error": error.message,
                       "hint": "Grant pg_signal_backend and pg_read_all_stats to the owner of schema postai."},
            )  # fmt: skip
            return
        log.info("cancelled" if done else "it had ended already", extra={"request": frame.id, "pid": frame.pid})

    def close(self) -> None:
        for home in self._homes:
            home.ledger.close()

    def _home_of(self, frame: AskFrame) -> Home:
        """The configured database that a backend means; two servers may have databases of the same name."""
        matching = [home for home in self._homes if self._is_named(home, frame.database)]
        if len(matching) > 1:
            matching = [home for home in matching if self._runs_there(home, frame)]
        if not matching:
            raise AgentNotReachable(
                "the agent does not serve this database",
                detail=f"database {frame.database}",
                hint="Add a section [[database]] for it to the agent's postai.toml and restart `post-ai agent`.",
            )
        return matching[0]

    def _is_named(self, home: Home, database: str) -> bool:
        try:
            return home.database() == database
        except PostaiError as error:
            log.warning(
                "a database cannot be asked for its name", extra={"database": home.name, "error": error.message}
            )
            return False

    def _runs_there(self, home: Home, frame: AskFrame) -> bool:
        try:
            with home.pool.database() as db:
                return bool(db.query(self._sql["is_ours"], (frame.pid, frame.backend_start))[0][0])
        except PostaiError as error:
            log.warning("a database cannot be asked", extra={"database": home.name, "error": error.message})
            return False

    def _answer(self, ground: Ground, started: float) -> Outcome:
        frame = ground.frame
        answer, question_id = self._think(ground, started)
        runs = answer.status == "answered" and frame.verb in RUNNING_VERBS
        last = answer_message(frame.id, answer, question_id, ground.there.unchanged)
        return Outcome(last, ground.ask_timeout if runs else None)

    def _explain(self, ground: Ground, started: float) -> Outcome:
        """The plan of a statement in words, or of the statement that answers a question."""
        frame, sql, question_id = ground.frame, ground.frame.question, None
        if not is_statement(sql):
            answer, question_id = self._think(ground, started)
            if answer.status != "answered" or answer.sql is None:
                return Outcome(answer_message(frame.id, answer, question_id))
            sql = answer.sql
        explanation = explain_statement(
            sql,
            ground.request,
            catalog=ground.seen.catalog,
            safety=ground.safety,
            explain=ground.there.explain,
            analyze=ground.there.analyze,
            options=ground.options.ask,
        )
        return Outcome(findings_message(frame.id, explanation.sql, explanation.findings, question_id))

    def _check(self, ground: Ground, started: float) -> Outcome:
        """Whether a statement may be taught: it would be given as an answer."""
        sql = verify(
            ground.frame.question,
            ground.request,
            safety=ground.safety,
            explain=ground.there.explain,
            options=ground.options.ask,
        )
        log.info("a statement was checked", extra={"request": ground.frame.id, "ms": _since(started)})
        return Outcome(answer_message(ground.frame.id, Answer("answered", sql, "", 1.0, "grammar"), None))

    def _optimize(self, ground: Ground, _started: float) -> Outcome:
        """What would make one statement faster."""
        return _proposed(ground.frame, ground.home.optimizer.statement(ground))

    def _check_move(self, home: Home, frame: AskFrame, deadline: Deadline) -> Outcome:
        """Whether and how a database can move to this one."""
        source, target = move_check.names(frame.question)
        with home.pool.database() as db:
            report = move_check.check(db, self._places, source, target, deadline)
        return Outcome(found_message(frame.id, move_check.rows(report), move_check.notes(report)))

    def _changed(self, home: Home, frame: AskFrame, there: There, deadline: Deadline) -> Outcome:
        """A schema change is proposed; the caller's own backend then looks whether rows stand in the way."""
        made = self._change(home, frame, deadline)
        if not made.checks:
            return _proposed(frame, made)
        ground = prepare(home, frame, there, deadline)
        found = tuple(_looked(ground, query, words) for query, words in made.checks)
        with home.pool.database() as db:
            note_checks(db, made.proposals[0]["id"], found)
        notes = (sentence(one.sentence()) for one in found if one.problem or one.stands_in_the_way)
        return _proposed(frame, replace(made, notes=(*notes, *made.notes)))

    def _change(self, home: Home, frame: AskFrame, deadline: Deadline) -> Made:
        """The proposal for a schema change, given as DDL or in words, or for a new schema."""
        statements = home.migrator.statements(frame)
        if statements is not None:
            return home.migrator.ddl(frame, statements, deadline)
        with home.pool.database() as db:
            options = read_options(db, home)
        calls: list[ModelCall] = []
        try:
            with home.ledger.model(options.model, options.budget, calls) as model:
                return home.migrator.words(frame, options.ask.engine, model, deadline)
        finally:
            home.ledger.book(calls, None)

    def _think(self, ground: Ground, started: float) -> tuple[Answer, int | None]:
        """The answer to a question, and the number under which it is noted."""
        home, frame = ground.home, ground.frame
        calls: list[ModelCall] = []
        question_id: int | None = None
        try:
            answer = _clean(self._ask(ground, calls))
            question_id = self._record(home, frame, answer, started)
        except UsageError:
            raise  # no question at all: nothing to note
        except PostaiError as error:
            question_id = self._record(home, frame, _failed(error), started)
            raise
        finally:
            home.ledger.book(calls, question_id)
        log.info(
            "a question was %s",
            answer.status,
            extra={
                "request": frame.id,
                "database": home.name,
                "question": question_id,
                "engine": answer.engine,
                "sqlstate": answer.sqlstate,
                "ms": _since(started),
            },
        )
        return answer, question_id

    def _ask(self, ground: Ground, calls: list[ModelCall]) -> Answer:
        home, options = ground.home, ground.options
        taught = answer_as_taught(
            ground.request, safety=ground.safety, explain=ground.there.explain, options=options.ask
        )
        if taught is not None:
            return taught
        recall = KeptAnswers(home.pool, home.sql, ground.frame.question, options.reuse_days)
        with home.ledger.model(options.model, options.budget, calls) as model:
            return ask(
                ground.request,
                catalog=ground.seen.catalog,
                grammar=ground.seen.grammar,
                safety=ground.safety,
                explain=ground.there.explain,
                model=model,
                options=options.ask,
                deadline=ground.deadline,
                # sql and prepare promise to run nothing.
                digest=ground.there.digest if ground.frame.verb in RUNNING_VERBS else None,
                recall=recall if options.reuse_days > 0 else None,
            )

    def _record(self, home: Home, frame: AskFrame, answer: Answer, started: float) -> int | None:
        """Note the question; an answer is given out even when that fails."""
        values = (
            frame.session_user, frame.role, _text(frame.question), answer.status, answer.sql, answer.engine,
            answer.confidence, answer.explanation, _since(started),
        )  # fmt: skip
        try:
            with home.pool.database() as db:
                return int(db.query(self._sql["record"], values)[0][0])
        except PostaiError as error:
            log.error("a question could not be recorded", extra={"request": frame.id, "error": error.message})
            return None


def _looked(ground: Ground, query: str, words: str) -> Found:
    """Whether rows stand in the way of a change, as the caller's own backend sees it."""
    try:
        require_harmless(query, ground.safety, ground.request.search_path)
        seen, nothing = ground.there.digest(query), ground.there.digest(NO_ROWS)
    except Refused as error:
        return Found(words, query, None, error.message)
    if seen.digest is None:
        return Found(words, query, None, "no answer" if seen.error is None else seen.error.message)
    return Found(words, query, 0) if seen.digest == nothing.digest else Found(words, query, None, some=True)


def _proposed(frame: AskFrame, report: Report | Made) -> Outcome:
    return Outcome(proposals_message(frame.id, report.proposals, report.notes))


def _since(started: float) -> float:
    """Milliseconds since a moment of the monotonic clock."""
    return round((time.monotonic() - started) * 1000, 1)


def _unexpected(identity: str) -> ErrorParts:
    return ErrorParts(
        PostaiError.sqlstate,
        "the agent failed unexpectedly",
        f"request {identity}",
        "The agent's log has the details under this request; please report it.",
    )


def _failed(error: PostaiError) -> Answer:
    reason = "cancelled" if isinstance(error, Cancelled) else error.message
    return Answer("failed", None, "", 0.0, "grammar", reason=reason, sqlstate=error.sqlstate, hint=error.hint)


def _clean(answer: Answer) -> Answer:
    """The answer in texts that PostgreSQL can hold; a model may have written others."""
    return replace(
        answer,
        sql=None if answer.sql is None else _text(answer.sql),
        explanation=_text(answer.explanation),
        readings=tuple(Reading(_text(one.text), _text(one.sql), one.confidence) for one in answer.readings),
        reason=None if answer.reason is None else _text(answer.reason),
        hint=None if answer.hint is None else _text(answer.hint),
    )


def _text(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
