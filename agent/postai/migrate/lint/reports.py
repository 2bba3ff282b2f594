"""What the linter found, for programs and pages: JSON, SARIF 2.1.0, Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from postai import __version__
from postai.migrate.lint.registry import RULES
from postai.migrate.lint.rule import Rule
from postai.migrate.lint.types import LintReport
from postai.migrate.types import Severity

Reports = Sequence[tuple[str, LintReport]]
"""Name of a file ("-" for standard input) and what was found in it."""

_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "advice": "note"}


def as_json(reports: Reports) -> dict[str, Any]:
    """One document: the statements of all files in order, and what does not parse."""
    return {
        "statements": [
            {
                "file": name,
                "statement": one.statement,
                "line": one.line,
                "column": one.column,
                "hazards": list(one.hazards),
                "findings": [
                    {key: value for key, value in asdict(finding).items() if key not in ("statement", "line", "column")}
                    for finding in one.findings
                ],
                "notes": list(one.notes),
            }
            for name, report in reports
            for one in report.statements
        ],
        "errors": [{"file": name, **asdict(mistake)} for name, report in reports for mistake in report.mistakes],
    }


def as_sarif(reports: Reports) -> dict[str, Any]:
    """A SARIF 2.1.0 log of one run, as code scanning services read it."""
    mistakes = [(name, mistake) for name, report in reports for mistake in report.mistakes]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "post-ai lint",
                        "version": __version__,
                        "rules": [_sarif_rule(rule) for rule in RULES],
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": not mistakes,
                        "toolExecutionNotifications": [
                            {
                                "level": "error",
                                "message": {"text": mistake.message},
                                "locations": [_place(name, mistake.line, mistake.column)],
                            }
                            for name, mistake in mistakes
                        ],
                    }
                ],
                "results": list(_sarif_results(reports)),
            }
        ],
    }


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.instead} (docs/{rule.anchor})"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _sarif_results(reports: Reports) -> Iterator[dict[str, Any]]:
    index = {rule.name: number for number, rule in enumerate(RULES)}
    for name, report in reports:
        for finding in report.findings:
            yield {
                "ruleId": finding.hazard,
                "ruleIndex": index[finding.hazard],
                "level": _LEVELS[finding.severity],
                "message": {"text": f"{finding.message}\n\n{finding.safe_alternative}"},
                "locations": [_place(name, finding.line, finding.column)],
            }


def _place(name: str, line: int, column: int) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": "stdin.sql" if name == "-" else name.replace("\\", "/")},
            "region": {"startLine": line, "startColumn": column},
        }
    }


def as_markdown(reports: Reports) -> str:
    """A page for a review: one section for each file, one item for each finding with its safe alternative."""
    return "\n".join(_markdown(reports)) + "\n"


def _markdown(reports: Reports) -> Iterator[str]:
    yield "# Lint of schema changes"
    for name, report in reports:
        yield f"\n## {_code(name)}\n"
        if not report.findings and not report.mistakes:
            yield "No findings."
        for mistake in report.mistakes:
            yield f"- **does not parse**, line {mistake.line}, column {mistake.column}: {_text(mistake.message)}"
        for finding in report.findings:
            yield f"- **{finding.hazard}** ({finding.severity}), line {finding.line}: {_text(finding.message)}\n"
            yield from (f"      {line}" for line in finding.safe_alternative.splitlines())
            yield ""


def _text(text: str) -> str:
    """Words that Markdown does not take for marks."""
    flat = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in flat)


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"
