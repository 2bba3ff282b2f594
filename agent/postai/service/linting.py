"""Lints a schema change for postai.lint, with the catalogs of the database that asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from postai.database import Pool
from postai.migrate.lint import LintOptions, lint_text, load_known
from postai.migrate.lint.types import NEWEST, OLDEST
from postai.sql.parse import Unparsable

COLUMNS = ("statement", "hazard", "severity", "message", "safe_alternative")


def hazards(pool: Pool, text: str, search_path: Sequence[str]) -> list[Mapping[str, Any]]:
    """Rows of postai.lint: what is hazardous in a text, in its order.

    Args:
        pool: sessions of the database that the text is for.
        text: statements; none of them is run.
        search_path: the caller's schemas.

    Raises:
        Unparsable: a statement does not parse.
        PostaiError: the database cannot be asked.
    """
    with pool.database() as db:
        known = load_known(db)
        version = min(max(db.server_version // 10_000, OLDEST), NEWEST)
    report = lint_text(text, LintOptions(version), replace(known, search_path=tuple(search_path)))
    if report.mistakes:
        first = report.mistakes[0]
        raise Unparsable(
            first.message,
            detail=f"Line {first.line}, column {first.column}.",
            hint="Correct the SQL; the grammar is PostgreSQL's own.",
        )
    return [{column: getattr(finding, column) for column in COLUMNS} for finding in report.findings]
