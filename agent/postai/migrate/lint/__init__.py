"""Lint: hazards of schema changes, each with a safe alternative, from the text alone or with a database's catalogs."""

from postai.migrate.lint.catalog import load_known
from postai.migrate.lint.linter import lint_text
from postai.migrate.lint.types import LintOptions, LintReport, Mistake, StatementReport

__all__ = ["LintOptions", "LintReport", "Mistake", "StatementReport", "lint_text", "load_known"]
