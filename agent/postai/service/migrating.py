"""Makes the proposals of postai.migrate: plans the change, tries it on an empty copy, and writes down the steps."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from postai.ask.verify import SYNTAX_ERROR, PlanningError
from postai.database import Database, connect
from postai.database.connection import OWN_PATH
from postai.deadline import Deadline
from postai.design.propose import Means, change, design
from postai.design.types import EngineChoice
from postai.errors import ErrorParts
from postai.migrate.draft import draft, usage_from_history
from postai.migrate.generate import as_ddl
from postai.migrate.later import split
from postai.migrate.plan import plan
from postai.migrate.tried import tried
from postai.migrate.types import PlannedStep, Traced
from postai.migrate.work import PlanOptions
from postai.model.types import Completer
from postai.proposals.objects import UnknownObject, lacking
from postai.proposals.store import create
from postai.scratch.scratch_database import opener
from postai.service.frames import AskFrame
from postai.sql.parse import Unparsable
from postai.sql.vet import vet_change

log = logging.getLogger(__name__)

MOST_NOTES = 12
OF_TABLES = frozenset({"42P01", "42P07", "42701", "42703"})
"""Errors about tables and columns, which a copy never lacks."""
_VERSIONED_VIEWS = re.compile(r"\s*-- postai: versioned-views[ \t]*(\n|\Z)")
TITLE = 120
"""Most characters of the given text in a title."""


@dataclass(frozen=True)
class Change:
    """A change that somebody asks for.

    Attributes:
        statements: DDL, one statement each.
        title: one line.
        why: the reason, for people.
        search_path: where unqualified names are looked up.
        proposed_by: login of who asked.
        notes: sentences that were said before it was planned.
        versioned_views: whether what is renamed leaves a view under its old name.
    """

    statements: tuple[str, ...]
    title: str
    why: str
    search_path: tuple[str, ...]
    proposed_by: str
    notes: tuple[str, ...] = ()
    versioned_views: bool = False


@dataclass(frozen=True)
class Made:
    """A proposal that was made.

    Attributes:
        proposals: one row, {"id": its number}.
        notes: what people should know, sentences.
        checks: SELECTs of one count that must be zero before it is applied, each with the words for what it counts.
    """

    proposals: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]
    checks: tuple[tuple[str, str], ...] = ()


class Migrator:
    """Schema change of one database.

    Args:
        name: the database's name in the configuration.
        dsn: leads to it directly, not through a pooler.
    """

    def __init__(self, name: str, dsn: str) -> None:
        self._name = name
        self._dsn = dsn

    def statements(self, frame: AskFrame) -> tuple[str, ...] | None:
        """The statements that are asked for; None = words that design reads.

        Raises:
            PlanningError: DDL that does not parse.
        """
        if frame.verb == "design":
            return None
        try:
            return as_ddl(_asked(frame)[0])
        except Unparsable as error:
            raise PlanningError(ErrorParts(SYNTAX_ERROR, error.message, error.detail, error.hint)) from None

    def ddl(self, frame: AskFrame, statements: tuple[str, ...], deadline: Deadline) -> Made:
        """Propose what given statements say.

        Raises:
            PlanningError: PostgreSQL would refuse a statement.
            UnknownObject: a name is found nowhere.
            Refused: no proposal may hold it, or there is nothing to do.
            PostaiError: the database cannot be read.
        """
        change = Change(
            statements, _title(statements), "It was asked for as statements.", frame.search_path, frame.session_user,
            versioned_views=_asked(frame)[1],
        )  # fmt: skip
        return self.propose(change, deadline)

    def words(self, frame: AskFrame, engine: EngineChoice, model: Completer | None, deadline: Deadline) -> Made:
        """Propose a change, or (verb "design") a new schema, for what was said in words; raises as `ddl` does.

        Raises:
            NotSure: nothing was understood.
            ModelFailed, BudgetSpent: from the model.
        """
        means = Means(engine, model, opener(self._dsn))
        words, versioned_views = _asked(frame)
        with connect(
            self._dsn, application_name="postai design", statement_timeout_ms=60_000, search_path=OWN_PATH
        ) as db:
            set_path(db, frame.search_path)
            if frame.verb == "design":
                schema = frame.search_path[0] if frame.search_path else ""
                found = design(db, words, deadline, means, schema=schema)
            else:
                found = change(db, words, deadline, means)
        diagram = f"\n\n{found.mermaid}" if found.mermaid else ""
        asked = Change(
            found.up, _short(words), found.explanation + diagram, frame.search_path, frame.session_user,
            found.warnings, versioned_views,
        )  # fmt: skip
        return self.propose(asked, deadline)

    def propose(self, change: Change, deadline: Deadline) -> Made:
        """Plan a change, try its steps on an empty copy, and write the proposal; raises as `ddl` does."""
        began = time.monotonic()
        with connect(
            self._dsn, application_name="postai migrate", statement_timeout_ms=60_000, search_path=OWN_PATH
        ) as db:
            set_path(db, change.search_path)
            options = PlanOptions(change.versioned_views, usage_from_history(db))
            made = plan(db, change.statements, deadline, options)
            # Every name that was found has its schema now.
            set_path(db, ())
            _require_found(made.steps)
            made, traces = tried(db, made, deadline, opener(self._dsn))
            notes = _untried(traces)
            proposal = create(
                db,
                draft(made, change.title, change.why, given=change.statements, proposed_by=change.proposed_by),
            )
            refused = lacking(db, proposal, change.proposed_by)
        log.info(
            "a change was proposed",
            extra={
                "database": self._name, "proposal": proposal, "steps": len(made.steps),
                "seconds": round(time.monotonic() - began, 2),
            },
        )  # fmt: skip
        now, later = split(made.steps)
        dropped = "; ".join(one.statement for one in later)
        if dropped:
            dropped = f"a second proposal, made once this one was applied, drops for good what it sets aside: {dropped}"
        said = (
            *refused,
            *((dropped,) if dropped else ()),
            *made.warnings,
            *change.notes,
            *made.conflicts,
            *((made.schedule,) if made.schedule else ()),
            *notes,
        )
        steps = "its step" if len(now) == 1 else f"its {len(now)} steps"
        then = f"postai.steps({proposal}) shows {steps}, CALL postai.wait(postai.apply({proposal})); carries it out."
        return Made(({"id": proposal},), (*_told(said), then), made.checks)


def set_path(db: Database, schemas: Sequence[str]) -> None:
    """Let a session look unqualified names up in these schemas; pg_catalog always comes first."""
    text = ", ".join('"' + name.replace('"', '""') + '"' for name in schemas if name != "pg_catalog")
    db.query("select pg_catalog.set_config('search_path', %s, false)", [text or "pg_catalog"])


def _asked(frame: AskFrame) -> tuple[str, bool]:
    """The request itself, and whether its first line asks for versioned views."""
    line = _VERSIONED_VIEWS.match(frame.question)
    return (frame.question, False) if line is None else (frame.question[line.end() :], True)


def _require_found(steps: Iterable[PlannedStep]) -> None:
    """Refuse names that were found nowhere along the search_path.

    Raises:
        UnknownObject: naming the first one.
        Refused: a statement that no proposal may hold.
    """
    for text in (text for step in steps for text in (step.statement, *step.together)):
        for ref in vet_change(text).touched:
            if ref.schema is None and ref.kind != "schema":
                raise UnknownObject(
                    f"{ref.kind} {ref.name} does not exist", hint="Check the name, or write its schema: schema.name."
                )


def _untried(traces: Sequence[Traced]) -> tuple[str, ...]:
    """One sentence about the statements that were not tried, or that were refused for what the copy lacks.

    Raises:
        PlanningError: PostgreSQL refuses a statement.
    """
    for one in traces:
        if one.error is not None and (one.note is None or one.sqlstate in OF_TABLES):
            raise PlanningError(_parts(one))
    left = [one for one in traces if one.note is not None]
    if not left:
        return ()
    which = "no statement was" if len(left) == len(traces) else f"{len(left)} of {len(traces)} statements were not"
    reasons = dict.fromkeys(f"{one.error + '; ' if one.error else ''}{one.note}" for one in left)
    why = "; ".join(one.removeprefix("not tried, ").removeprefix("not tried: ") for one in reasons)
    return (f"{which} tried on an empty copy, so what they rewrite and scan is not known: {why}",)


def _told(said: Iterable[str]) -> tuple[str, ...]:
    """Each sentence once, the first ones; how many are left out is said."""
    told = tuple(dict.fromkeys(sentence(one) for one in said))
    if len(told) <= MOST_NOTES:
        return told
    left = len(told) - MOST_NOTES + 1
    return (*told[: MOST_NOTES - 1], f"{left} more notes are left out; the proposal's evidence has all warnings.")


def _parts(traced: Traced) -> ErrorParts:
    return ErrorParts(
        traced.sqlstate or "42601",
        traced.error or "",
        f"It was tried on an empty copy: {_short(traced.statement)}",
        "Change the statement; nothing was proposed.",
    )


def _title(statements: Sequence[str]) -> str:
    more = f" and {len(statements) - 1} more" if len(statements) > 1 else ""
    return (_short(statements[0]) if statements else "nothing") + more


def _short(statement: str) -> str:
    text = " ".join(statement.split())
    return text if len(text) <= TITLE else text[: TITLE - 3] + "..."


def sentence(text: str) -> str:
    """With a full stop; the first letter stays as it is, for it may be that of a name."""
    return text if text.endswith(".") else text + "."
