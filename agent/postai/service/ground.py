"""What a request stands on: its database, what is known of it, its settings, and the backend that asked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from postai.ask.about_database import is_about_database
from postai.ask.database_questions import widened
from postai.ask.types import AskOptions, AskRequest, Digested, EngineChoice, Explained
from postai.database import Database, Pool
from postai.database import dsn as connection_string
from postai.deadline import Deadline
from postai.errors import Refused
from postai.proposals.conditions import INPUT_TEST
from postai.service.conversation import There
from postai.service.frames import AskFrame
from postai.service.knowledge import Knowledge, Seen
from postai.service.ledger import Ledger
from postai.service.lessons import Lessons
from postai.service.migrating import Migrator
from postai.service.optimizing import Optimizer
from postai.settings import DatabaseSettings, ModelSettings
from postai.sql.guard import check
from postai.sql.hazards import allowed_entries
from postai.sql.safety import Safety

LOOK_AGAIN_SECONDS = 0.1
"""After which time the catalog is looked at again before a statement meets the server."""

_ENGINES: Mapping[str, EngineChoice] = {"auto": "auto", "grammar": "grammar", "model": "model"}


@dataclass(frozen=True)
class Options:
    """The settings of one database that steer a question.

    Attributes:
        model: model id; None = the agent's.
        budget: US dollars a day; None = the agent's.
        reuse_days: for how long an answer of the model may be given again; 0 = never.
    """

    ask: AskOptions
    model: str | None
    budget: Decimal | None
    reuse_days: float


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
        self.sql = sql
        self.knowledge = Knowledge()
        self.lessons = Lessons(sql)
        self.ledger = Ledger(pool, model, sql)
        self.optimizer = Optimizer(settings.name, pool)
        self.migrator = Migrator(settings.name, settings.direct)
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


class Guarded:
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
        try:
            self._check(sql, self._safety)
        except Refused:
            if not is_about_database(sql, self._request.question, seen.catalog):
                raise
            self._check(sql, widened(self._safety))

    def _check(self, sql: str, safety: Safety) -> None:
        check(
            sql.replace(*INPUT_TEST),  # what the planner of schema changes asks; an answer was refused it before
            safety,
            search_path=self._request.search_path,
            allowed_functions=self._options.ask.allowed_functions,
        )


@dataclass(frozen=True)
class Ground:
    """Everything that is known before a request is thought about.

    Attributes:
        ask_timeout: seconds that a statement may run.
    """

    home: Home
    frame: AskFrame
    request: AskRequest
    options: Options
    seen: Seen
    safety: Safety
    there: Guarded
    deadline: Deadline
    ask_timeout: float


def prepare(home: Home, frame: AskFrame, there: There, deadline: Deadline) -> Ground:
    """Look up what a request needs, in one go.

    Raises:
        PostaiError: the database cannot be read.
        Cancelled, DeadlineExceeded: the caller is gone, the time is over.
    """
    with home.pool.database() as db:
        options = read_options(db, home)
        today, ask_timeout_ms, version = db.query(home.sql["moment"], (frame.session_user,))[0]
        deadline.check()
        taught = home.lessons.of(db, frame.session_user, version, frame.question)
        seen, safety = home.knowledge.see(db, frame.role, frame.session_user)
    request = AskRequest(frame.question, frame.role, frame.search_path, today, frame.max_rows, taught)
    guarded = Guarded(home, request, frame.session_user, options, seen, safety, there)
    return Ground(home, frame, request, options, seen, safety, guarded, deadline, ask_timeout_ms / 1000)


def read_options(db: Database, home: Home) -> Options:
    """The settings of a database, those of the agent's configuration where it has none of its own."""
    rows = db.query(home.sql["settings"])
    value = {name: text or "" for name, text, _ in rows}
    own = {name for name, _, overridden in rows if overridden}
    return Options(
        ask=AskOptions(
            engine=_ENGINES[value["engine"]],
            cost_ceiling=float(value["ask_cost_ceiling"]),
            share_values=value["share_values"] == "true" if "share_values" in own else home.share_values,
            second_sample=value["second_sample"] == "true",
            allowed_functions=allowed_entries(value["allowed_functions"]),
        ),
        model=value["model"] or None if "model" in own else None,
        budget=Decimal(value["daily_budget_usd"]) if "daily_budget_usd" in own else None,
        reuse_days=float(value["reuse_answers_days"]),
    )
