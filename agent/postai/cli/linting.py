"""`post-ai lint`: hazards of schema changes in SQL files, from the text alone or with a database's catalogs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Name, open_database
from postai.errors import UsageError

if TYPE_CHECKING:
    from postai.migrate.lint import LintOptions, LintReport
    from postai.migrate.lint.world import Known

FINDINGS = 1
"""Exit code when something was found."""
UNUSABLE = UsageError.exit_code
"""Exit code when a file cannot be read, or a statement does not parse."""
LARGEST_FILE = 256 << 20
STATEMENT_TIMEOUT_MS = 30_000
STDIN = "-"


def lint(
    files: Annotated[
        list[str] | None, typer.Argument(help="Files, directories (their *.sql files), or - for standard input.")
    ] = None,
    pg_version: Annotated[
        int | None,
        typer.Option(
            "--pg-version",
            min=14,
            max=18,
            help="Major version of the server. Default: of --dsn, else configured, else 18.",
        ),
    ] = None,
    sarif: Annotated[bool, typer.Option("--sarif", help="Print a SARIF 2.1.0 log.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a report in Markdown.")] = False,
    dsn: Annotated[
        str | None,
        typer.Option(
            "--dsn",
            help="Database whose catalogs are read too: a connection string without a password (use passfile=... or"
            " service=...). Default: none, the text alone.",
        ),
    ] = None,
    connection: Name = None,
    json: Json = False,
) -> int:
    """Say which statements of a schema change would block, fail, break clients or lose data; nothing is executed.

    With --dsn or --connection the catalogs of a database are read too. Exit codes: 0 nothing found, 1 findings, 2 a
    file cannot be read or a statement does not parse.
    """
    from postai.migrate.lint import lint_text
    from postai.migrate.lint.config import find_options

    if json + sarif + markdown > 1:
        raise UsageError("--json, --sarif and --markdown exclude each other")
    texts = list(_texts(files or [STDIN]))
    options = find_options(Path.cwd())
    known: Known | None = None
    if dsn is not None or connection is not None:
        known, options = _database(dsn, connection, options)
    if pg_version is not None:
        options = replace(options, version=pg_version)
    reports = [(name, lint_text(text, options, known)) for name, text in texts]
    _show(reports, json=json, sarif=sarif, markdown=markdown)
    if any(report.mistakes for _, report in reports):
        return UNUSABLE
    return FINDINGS if any(report.findings for _, report in reports) else 0


def _database(dsn: str | None, connection: str | None, options: LintOptions) -> tuple[Known, LintOptions]:
    """What the database holds, and the options with its version."""
    from postai.migrate.lint import load_known
    from postai.migrate.lint.types import NEWEST, OLDEST

    with open_database(dsn, connection, statement_timeout_ms=STATEMENT_TIMEOUT_MS) as database:
        major = database.server_version // 10_000
        return load_known(database), replace(options, version=min(max(major, OLDEST), NEWEST))


def _texts(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        if name == STDIN:
            yield STDIN, _decoded(sys.stdin.buffer.read(), STDIN)
        elif Path(name).is_dir():
            yield from ((str(path), _read(path)) for path in sorted(Path(name).rglob("*.sql")))
        else:
            yield name, _read(Path(name))


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UsageError("the file is too large", detail=f"{path}: at most {LARGEST_FILE >> 20} MB")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}", detail=error.strerror) from None
    return _decoded(data, str(path))


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("the file is not UTF-8", detail=f"{name}, byte {error.start + 1}") from None


def _show(reports: Sequence[tuple[str, LintReport]], *, json: bool, sarif: bool, markdown: bool) -> None:
    from postai.migrate.lint import reports as forms

    if json:
        output.show_json(forms.as_json(reports))
    elif sarif:
        output.show_json(forms.as_sarif(reports))
    elif markdown:
        output.say(forms.as_markdown(reports).rstrip("\n"))
    else:
        _show_text(reports)


def _show_text(reports: Sequence[tuple[str, LintReport]]) -> None:
    """One paragraph for each finding, and a last line that counts."""
    count = 0
    for name, report in reports:
        for mistake in report.mistakes:
            output.say(f"{name}:{mistake.line}:{mistake.column}: does not parse: {mistake.message}\n")
        for statement in report.statements:
            for finding in statement.findings:
                count += 1
                place = f"{name}:{finding.line}:{finding.column}"
                output.say(f"{place}: {finding.severity} {finding.hazard}: {finding.message}")
                output.say("".join(f"    {line}\n" for line in finding.safe_alternative.splitlines()))
            for note in statement.notes:
                output.say(f"{name}:{statement.line}:{statement.column}: note: {note}\n")
    statements = sum(len(report.statements) for _, report in reports)
    found = "1 finding" if count == 1 else f"{count or 'no'} findings"
    output.say(f"{found} in {statements} statement{'' if statements == 1 else 's'}")
