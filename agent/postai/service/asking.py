"""Answers questions: finds the database, brings its catalog, rules and settings together, asks the engine, notes it."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from postai.ask.engine import ask
from postai.ask.types import Answer, AskOptions, AskRequest, Digested, EngineChoice, Explained, Reading
from postai.database import Database, Pool
from postai.database import dsn as connection_string
from postai.deadline import Cancelled, Deadline
from postai.errors import AgentNotReachable, ErrorParts, PostaiError, UsageError
from postai.model.types import ModelCall
from postai.service.conversation import Outcome, There
from postai.service.frames import RUNNING_VERBS, AskFrame, answer_message, error_message
from postai.service.knowledge import Knowledge, Seen
from postai.service.ledger import Ledger
from postai.settings import DatabaseSettings, ModelSettings
from postai.sql.guard import check
from postai.sql.safety import Safety

log = logging.getLogger(__name__)

_COMMA = re.compile(r",(?![^(]*\))")
"""Between entries of a list, not between the arguments of a function."""
LOOK_AGAIN_SECONDS = 0.1
"""After which time the catalog is looked at again before a statement meets the server."""

_ENGINES: Mapping[str, EngineChoice] = {"auto": "auto", "grammar": "grammar", "model": "model"}


@dataclass(frozen=True)
class Options:
    """The settings of one database that steer a question.

    Attributes:
        model: model id; None = the agent's.
        budget: US dollars a day; None = the agent's.
    """

    ask: AskOptions
    model: str | None
    budget: Decimal | None


class Home:
    """One database whose questions are answered here.

    Args:
        settings: how it is reached.
        pool: its sessions.
        model: the agent's configuration of the model.
        sql: the statements of asking.sql.
    """

    def __init__(self, settings: DatabaseSettings, pool: Pool, model: ModelSettings, sql: Mapping[str, str]) -> None:
        self.pool = pool
        self.knowledge = Knowledge()
        self.ledger = Ledger(pool, model, sql)
        self.name = settings.name
        self.share_values = model.share_values
        self._database = connection_string.parse(settings.dsn).get("dbname")

    def database(self) -> str:
        """Name of the database; asked of the server where the connection string does not say it.

        Raises:
            ConnectionFailed: it has to be asked, and the server does not answer.
        """
        if self._database is None:
            with self.pool.database() as db:
                self._database = db.name
        return self._database


class _Guarded:
    """The caller's backend, for statements that the guard let pass by the catalog as it is now.

    While a model thinks, somebody may put other code behind a name that was harmless.

    Args:
        login: whose declared joins count.
        seen, safety: what the statement was made and checked with.
        there: runs it, if nothing changed since.
    """

    def __init__(
        self, home: Home, request: AskRequest, login: str, options: Options, seen: Seen, safety: Safety, there: There
    ) -> None:
        self._home, self._request, self._login, self._options, self._there = home, request, login, options, there
        self._safety = safety
        self._looked_at = time.monotonic()
        self.unchanged = seen.catalog.fingerprint

    def explain(self, sql: str) -> Explained:
        self._look(sql)
        return self._there.explain(sql, self.unchanged)

    def analyze(self, sql: str) -> Explained:
        self._look(sql)
        return self._there.analyze(sql, self.unchanged)

    def digest(self, sql: str) -> Digested:
        self._look(sql)
        return self._there.digest(sql, self.unchanged)

    def _look(self, sql: str) -> None:
        if time.monotonic() - self._looked_at <= LOOK_AGAIN_SECONDS:
            return
        with self._home.pool.database() as db:
            seen, safety = self._home.knowledge.see(db, self._request.role, self._login)
        self._looked_at = time.monotonic()
        if safety is not self._safety:
            self._safety = safety
            self.unchanged = seen.catalog.fingerprint
        check(
            sql,
            self._safety,
            search_path=self._request.search_path,
            allowed_functions=self._options.ask.allowed_functions,
        )


class Asking:
    """Answers questions about all databases of the agent (the `Asked` of both fronts)."""

    def __init__(self, homes: Sequence[Home], sql: Mapping[str, str]) -> None:
        self._homes = tuple(homes)
        self._sql = sql

    def respond(self, frame: AskFrame, there: There, deadline: Deadline) -> Outcome:
        """Think and give the last frame; never raises."""
        started = time.monotonic()
        try:
            home = self._home_of(frame)
            return self._answer(home, frame, there, deadline, started)
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

    def _answer(self, home: Home, frame: AskFrame, there: There, deadline: Deadline, started: float) -> Outcome:
        with home.pool.database() as db:
            options = self._options(db, home)
            today, ask_timeout_ms = db.query(self._sql["moment"])[0]
            deadline.check()
            seen, safety = home.knowledge.see(db, frame.role, frame.session_user)
        request = AskRequest(frame.question, frame.role, frame.search_path, today, frame.max_rows)
        guarded = _Guarded(home, request, frame.session_user, options, seen, safety, there)
        calls: list[ModelCall] = []
        question_id: int | None = None
        try:
            with home.ledger.model(options.model, options.budget, calls) as model:
                answer = ask(
                    request,
                    catalog=seen.catalog,
                    grammar=seen.grammar,
                    safety=safety,
                    explain=guarded.explain,
                    model=model,
                    options=options.ask,
                    deadline=deadline,
                )
            answer = _clean(answer)
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
                "ms": round((time.monotonic() - started) * 1000, 1),
            },
        )
        runs = answer.status == "answered" and frame.verb in RUNNING_VERBS
        last = answer_message(frame.id, answer, question_id, guarded.unchanged)
        return Outcome(last, ask_timeout_ms / 1000 if runs else None)

    def _options(self, db: Database, home: Home) -> Options:
        rows = db.query(self._sql["settings"])
        value = {name: text or "" for name, text, _ in rows}
        own = {name for name, _, overridden in rows if overridden}
        return Options(
            ask=AskOptions(
                engine=_ENGINES[value["engine"]],
                cost_ceiling=float(value["ask_cost_ceiling"]),
                share_values=value["share_values"] == "true" if "share_values" in own else home.share_values,
                allowed_functions=frozenset(
                    filter(None, (one.strip() for one in _COMMA.split(value["allowed_functions"])))
                ),
            ),
            model=value["model"] or None if "model" in own else None,
            budget=Decimal(value["daily_budget_usd"]) if "daily_budget_usd" in own else None,
        )

    def _record(self, home: Home, frame: AskFrame, answer: Answer, started: float) -> int | None:
        """Note the question; an answer is given out even when that fails."""
        elapsed = (time.monotonic() - started) * 1000
        values = (
            frame.session_user, frame.role, _text(frame.question), answer.status, answer.sql, answer.engine,
            answer.confidence, answer.explanation, elapsed,
        )  # fmt: skip
        try:
            with home.pool.database() as db:
                return int(db.query(self._sql["record"], values)[0][0])
        except PostaiError as error:
            log.error("a question could not be recorded", extra={"request": frame.id, "error": error.message})
            return None


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
