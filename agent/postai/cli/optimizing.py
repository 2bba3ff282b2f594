"""`post-ai optimize`: the advisors, from a shell, also for a database in which postai is not installed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, open_database
from postai.errors import FeatureMissing, NotPermitted, PostaiError, UsageError

if TYPE_CHECKING:
    from postai.database import Database
    from postai.optimize.types import Advice, Recommendation, Skipped, Workload

SECONDS = 60.0
"""Longest run."""
STATEMENT_TIMEOUT_MS = 30_000
WIDTH = 80
MEGABYTE = 1 << 20
MOST_SKIPPED = 5
LARGEST_FILE = 256 * MEGABYTE
NO_PLAN = "has no plan that an index could change"
"""End of the reason why DDL and utility statements are left out: only their number is told."""
FORMATS = "Give SQL statements separated by semicolons, or an export of pg_stat_statements as CSV or JSON."


def optimize(
    query: Annotated[str | None, typer.Option("--query", help="Look at this one SELECT only.")] = None,
    workload: Annotated[
        Path | None,
        typer.Option(
            "--workload",
            help="File with the workload: blocks of `-- @id NAME calls=N` with one statement each, an export of"
            " pg_stat_statements (CSV or JSON), or plain SQL. Default: pg_stat_statements of the database.",
        ),
    ] = None,
    days: Annotated[
        float, typer.Option("--days", min=0.01, max=3660, help="Days that an export of pg_stat_statements covers.")
    ] = 1.0,
    budget_mb: Annotated[
        int | None,
        typer.Option("--budget-mb", min=1, help="Most that new indexes may take. Default: half of the tables' size."),
    ] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print statements, with their undo as comments.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a report in Markdown.")] = False,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Say which indexes a database lacks, which are of no use, and what to do about its space; nothing is changed."""
    if query is not None and workload is not None:
        raise UsageError("--query and --workload exclude each other")
    if json + sql + markdown > 1:
        raise UsageError("--json, --sql and --markdown exclude each other")
    text = None if workload is None else _read(workload)
    with open_database(dsn, connection, statement_timeout_ms=STATEMENT_TIMEOUT_MS) as database:
        name = database.name
        advice = _advise(database, query, text, days, budget_mb)
    if json:
        output.show_json(_document(advice))
    elif sql:
        output.say("\n".join(_script(advice)))
    elif markdown:
        output.say("\n".join(_report(advice, name)))
    else:
        show_advice(advice)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UsageError("the workload file is too large", detail=f"{path}: at most {LARGEST_FILE // MEGABYTE} MB")
        text = path.read_text("utf-8")
    except OSError as error:
        raise UsageError("the workload file cannot be read", detail=f"{path}: {error.strerror}", hint=FORMATS) from None
    except UnicodeDecodeError as error:
        where = f"{path}, byte {error.start}"
        raise UsageError("the workload file is not UTF-8 text", detail=where, hint=FORMATS) from None
    if "\0" in text:
        raise UsageError("the workload file is not text", detail=f"{path} holds a zero byte", hint=FORMATS)
    if not text.strip():
        raise UsageError("the workload file is empty", detail=str(path), hint=FORMATS)
    return text


def advise_on(database: Database, query: str) -> Advice:
    """What would make one statement faster.

    Raises:
        NotPermitted, PostaiError: it could not be looked at.
    """
    return _advise(database, query, None, 1.0, None)


def show_advice(advice: Advice) -> None:
    """Print the ranked list."""
    output.say("\n".join(_list(advice)))


def _advise(database: Database, query: str | None, text: str | None, days: float, budget_mb: int | None) -> Advice:
    from dataclasses import replace

    from postai.database.catalog import load_catalog
    from postai.deadline import Deadline
    from postai.optimize.advise import advise_indexes
    from postai.optimize.advisors import advise_everything
    from postai.optimize.storage import StorageOptions
    from postai.optimize.types import AdvisorOptions
    from postai.optimize.workload import one_statement, read_pg_stat_statements
    from postai.sql.safety import load_safety

    deadline = Deadline.after(SECONDS)
    options = AdvisorOptions(budget_bytes=None if budget_mb is None else budget_mb * MEGABYTE)
    catalog, safety = load_catalog(database), load_safety(database)
    if query is not None:
        ((path,),) = database.query("select pg_catalog.current_schemas(true)::pg_catalog.text[]")
        one = one_statement(query, search_path=tuple(path))
        return _of_query(advise_indexes(database, catalog, safety, one, options, deadline))
    notes: tuple[str, ...] = ()
    known: Workload | None = None
    try:
        known = _of_file(text, days) if text is not None else read_pg_stat_statements(database)
    except FeatureMissing as error:
        notes = (f"no missing index was looked for: {error.message}; {error.hint}",)
    if database.query("select pg_catalog.current_setting('is_superuser')") == [("on",)]:
        notes += ("you are a superuser; a role with pg_monitor and pg_read_all_data is enough",)
    price = StorageOptions().price_per_gb_month
    told = advise_everything(database, catalog, safety, known, options, deadline, price_per_gb_month=price).advice
    return replace(told, notes=(*notes, *told.notes))


def _of_file(text: str, days: float) -> Workload:
    """The workload of a file.

    Raises:
        UsageError: there is no statement in it that can be parsed.
    """
    from postai.optimize.workload import read_workload, unparsable

    known = read_workload(text, days=days)
    if not known.statements:
        why = known.skipped[0].reason if known.skipped else "It holds none."
        raise UsageError("there is no statement in the workload file to be looked at", detail=why, hint=FORMATS)
    failed = unparsable(known)
    if len(failed) == len(known.statements):
        first, why = next(iter(failed.items()))
        raise UsageError(
            "no statement of the workload file can be parsed",
            detail=f"Of {len(failed)}, the first ({first}): {why}.",
            hint=FORMATS,
        )
    return known


def _of_query(advice: Advice) -> Advice:
    """The advice on one statement, which cannot be left out silently."""
    if not advice.skipped:
        return advice
    reason = advice.skipped[0].reason
    if "permission denied" in reason:
        raise NotPermitted("the statement could not be looked at", detail=reason, hint="GRANT SELECT on the table.")
    raise PostaiError("the statement could not be looked at", detail=reason, hint="Give one SELECT.")


def _statements(one: Recommendation) -> tuple[tuple[str, str | None], ...]:
    """Its statements in order, each with its undo."""
    steps = one.evidence.get("steps")
    if steps:
        return tuple((str(step["statement"]), step.get("undo")) for step in steps)
    return ((one.statement, one.undo),) if one.statement else ()


def _document(advice: Advice) -> dict[str, Any]:
    return {
        "proposals": [_proposal(one) for one in advice.recommendations],
        "seconds": round(advice.seconds, 3),
        "notes": advice.notes,
        "skipped": advice.skipped,
    }


def _proposal(one: Recommendation) -> dict[str, Any]:
    from postai.optimize.words import gain

    statements = _statements(one)
    undo = [undo for _, undo in reversed(statements) if undo]
    return {
        "kind": one.kind,
        "object": one.object,
        "statement": ";\n".join(statement for statement, _ in statements),
        "undo": ";\n".join(undo) or None,
        "comment": one.comment,
        "saved_ms_per_day": round(one.saved_ms_per_day, 3),
        "write_ms_per_day": round(one.write_ms_per_day, 3),
        "bytes": one.bytes,
        "title": one.title,
        "gain": gain(one.saved_ms_per_day, one.write_ms_per_day, one.bytes),
        "why": one.why,
        "severity": one.severity,
        "estimated_by": one.estimated_by,
        "replaces": one.replaces,
        "effects": one.effects,
    }


def _gain(one: Recommendation) -> str:
    from postai.optimize.words import gain

    return gain(one.saved_ms_per_day, one.write_ms_per_day, one.bytes)


def _line(text: str) -> str:
    """A text on one line, so that it cannot end a comment or a table's row."""
    return " ".join(output.visible(text).split())


def _effects(one: Recommendation) -> str:
    """Cost of the first statement before and after, where a planner said it."""
    first = one.effects[0] if one.effects else None
    if first is None or first.before_cost is None or first.after_cost is None:
        return ""
    return (
        f"{_line(first.id)}: cost {first.before_cost:,.0f} -> {first.after_cost:,.0f}, "
        f"{first.before_ms:,.1f} ms -> {first.after_ms:,.1f} ms a call (estimated)"
    )


def _list(advice: Advice) -> Iterator[str]:
    """The ranked list for people, at most 80 columns wide but for statements."""
    for number, one in enumerate(advice.recommendations, start=1):
        head = f"{number:>3}. {one.severity:<6} "
        yield from textwrap.wrap(_line(one.title), WIDTH, initial_indent=head, subsequent_indent=" " * 5)
        told = [_gain(one), _effects(one), _line(one.why)]
        for text in filter(None, told):
            yield from textwrap.wrap(text, WIDTH, initial_indent=" " * 5, subsequent_indent=" " * 5)
        yield from (f"     {statement};" for statement, _ in _statements(one))
        yield ""
    if not advice.recommendations:
        yield "nothing to recommend\n"
    for note in advice.notes:
        yield from textwrap.wrap(f"note: {_line(note)}", WIDTH, subsequent_indent="      ")
    yield from _left_out(advice.skipped)
    yield f"{len(advice.recommendations)} recommendations in {advice.seconds:.1f} s"


def _left_out(skipped: tuple[Skipped, ...]) -> Iterator[str]:
    from collections import Counter

    without = sum(one.reason.endswith(NO_PLAN) for one in skipped)
    if without:
        yield f"left out: {without} {'statement' if without == 1 else 'statements'} without a plan (DDL and the like)"
    reasons = Counter(one.reason for one in skipped if not one.reason.endswith(NO_PLAN))
    for reason, count in reasons.most_common(MOST_SKIPPED):
        text = f"left out: {count} {'statement' if count == 1 else 'statements'}: {_line(reason)}"
        yield from textwrap.wrap(text, WIDTH, subsequent_indent="          ")


def _script(advice: Advice) -> Iterator[str]:
    """Statements to run one by one, with their undo as comments."""
    yield "-- Run these in autocommit mode, one by one: CONCURRENTLY works in no transaction block."
    for number, one in enumerate(advice.recommendations, start=1):
        yield f"\n-- {number}. {_line(one.title)}"
        yield f"-- {_gain(one)}"
        yield f"-- {_line(one.why)}"
        statements = _statements(one)
        yield from (f"{statement};" for statement, _ in statements)
        if one.comment:
            yield f"{one.comment};"
        for _, undo in reversed(statements):
            if undo:
                yield from (f"-- undo: {line}" for line in f"{undo};".splitlines())


def _report(advice: Advice, name: str) -> Iterator[str]:
    """A report in Markdown."""
    yield f"# Recommendations for database {_cell(name)}\n"
    if advice.recommendations:
        yield "| # | severity | what | gain |\n|---|---|---|---|"
    for number, one in enumerate(advice.recommendations, start=1):
        yield f"| {number} | {one.severity} | {_cell(one.title)} | {_gain(one)} |"
    for number, one in enumerate(advice.recommendations, start=1):
        yield f"\n## {number}. {_cell(one.title)}\n"
        yield f"{_cell(one.why)}\n"
        if effects := _effects(one):
            yield f"{_cell(effects)}\n"
        statements = _statements(one)
        undo = [undo for _, undo in reversed(statements) if undo]
        if statements:
            yield _fenced(";\n".join(statement for statement, _ in statements))
        if undo:
            yield "\nBack:\n\n" + _fenced(";\n".join(undo))
    yield ""
    for note in advice.notes:
        yield f"- {_cell(note)}"
    yield from (f"- {_cell(line)}" for line in _left_out(advice.skipped))


def _cell(text: str) -> str:
    """Text in which nothing is Markdown."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in _line(text))


def _fenced(statement: str) -> str:
    fence = "```"
    while fence in statement:
        fence += "`"
    return f"{fence}sql\n{statement};\n{fence}"
