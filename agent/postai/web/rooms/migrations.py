"""Migrations: schema changes and how far they are, drift, hazards of DDL."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, Field

from postai.migrate.board import LONGEST, Drift, Linted, Migrations, lint, propose, read_drift, read_migrations
from postai.web.room import Room
from postai.web.visit import InDatabase, InOwnPath

room = Room("Migrations", "migrations", "/migrations")


@dataclass(frozen=True, slots=True)
class Proposed:
    """The proposal that holds the steps."""

    proposal: int


class Change(BaseModel):
    """A schema change as DDL or in words."""

    request: str = Field(max_length=LONGEST)


@room.see("/migrations", "migrations.html")
def migrations(database: InDatabase) -> Migrations:
    """Schema changes that were proposed, and migration files that were carried out."""
    return read_migrations(database)


@room.see("/migrations/drift", "drift.html")
def drift(database: InDatabase) -> Drift:
    """Where the schema is not what it should be, by the newest snapshot."""
    return read_drift(database)


class Ddl(BaseModel):
    """Statements to look at."""

    ddl: str = Field(default="", max_length=LONGEST)


@room.see("/migrations/lint", "lint.html")
def lint_form(database: InDatabase) -> Linted:  # noqa: ARG001  (who may not log in there sees no form)
    """An empty text: nothing is looked at yet."""
    return Linted("", None)


@room.run("/migrations/lint", "lint.html")
def lint_ddl(database: InOwnPath, body: Ddl) -> Linted:
    """Hazards of DDL in this database; nothing of it is run."""
    return lint(database, body.ddl)


@room.do("/migrations/propose", lambda _, done: (f"/proposals/{done.proposal}", "Proposed. Nothing is changed yet."))
def propose_migration(database: InOwnPath, body: Change) -> Proposed:
    """Ask for online steps of a change."""
    return Proposed(propose(database, body.request))
