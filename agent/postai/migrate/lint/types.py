"""Values of the linter: what it is told, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from postai.migrate.types import Finding, Severity

Kind = Literal["blocking", "fails", "compat", "data_loss", "performance", "style"]
Level = Severity | Literal["off"]

OLDEST, NEWEST = 14, 18
"""Major versions of PostgreSQL that the rules know."""


@dataclass(frozen=True)
class LintOptions:
    """What a text is judged by.

    Attributes:
        version: major version of the server that the text is for.
        levels: hazard -> severity instead of the rule's own; "off" switches the rule off.
    """

    version: int = NEWEST
    levels: Mapping[str, Level] = field(default_factory=dict)


@dataclass(frozen=True)
class Mistake:
    """A statement that does not parse.

    Attributes:
        message: PostgreSQL's.
        line, column: of the place, from 1.
    """

    message: str
    line: int
    column: int


@dataclass(frozen=True)
class StatementReport:
    """What was found in one statement.

    Attributes:
        statement: its text.
        line, column: where it begins, from 1.
        hazards: names of the rules that found something, each once, in the registry's order.
        findings: each with its message and what to do instead.
        notes: what cannot be decided without the database, or is worth knowing; no findings.
    """

    statement: str
    line: int
    column: int
    hazards: tuple[str, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LintReport:
    """What was found in one text.

    Attributes:
        statements: every statement that parses, in order.
        mistakes: those that do not.
    """

    statements: tuple[StatementReport, ...]
    mistakes: tuple[Mistake, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in order."""
        return tuple(finding for statement in self.statements for finding in statement.findings)
