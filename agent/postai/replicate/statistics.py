"""The planner's statistics on the new server, before anybody is let in: carried over, or made in stages.

pg_dump 18 writes them out of every server, and servers from 18 on take them
(https://www.postgresql.org/docs/18/app-pgdump.html, --statistics-only). Elsewhere ANALYZE makes them, first of a few
rows of each table, so that a plan is soon better than a guess.
"""

from __future__ import annotations

from pathlib import Path

from postai.database import ServerError, named_sql
from postai.database.identifiers import qualified
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.replicate import dump_text, restore, schema, tools
from postai.replicate.sessions import open_session
from postai.replicate.types import USERS_SCHEMA, Finding, Level, MoveOptions, OnStep, Side

_CARRIED_FROM = 180_000
# Values of default_statistics_target, one after the other; None = as the server has it.
_STAGES = (1, 10, None)


def carry_statistics(
    source_dsn: str, target_dsn: str, options: MoveOptions, deadline: Deadline, on_step: OnStep,
    programs: Path | None = None,
) -> tuple[Finding, ...]:  # fmt: skip
    """Give the target the source's statistics, or statistics of its own; may be called again.

    Args:
        programs: a directory with pg_dump, where it is not in a usual place.

    Returns:
        tables that could not be given any; a move goes on without.
    """
    limit = restore.limit_ms(deadline)
    with open_session(target_dsn, statement_timeout_ms=limit, lock_timeout_ms=schema.LOCK_MS) as target:
        schemas = list(options.schemas)
        target.execute("set vacuum_cost_delay = 0")
        major = target.server_version // 10_000
        if target.server_version >= _CARRIED_FROM and (
            program := next((one for one in tools.each(programs) if one.major >= major), None)
        ):
            arguments = ("--statistics-only", *schema.schema_arguments(options.schemas))
            text = tools.dump(program, source_dsn, arguments, deadline)
            found = _take(target, [one for one in dump_text.statements(text) if "pg_restore_" in one[:60]], deadline)
            on_step("statistics", "carried over")
            extended = [qualified(*row) for row in target.query(_sql("extended"), (schemas, schemas))]
            found += _analyze(target, extended, deadline)
            on_step("statistics", f"{len(extended)} tables with extended statistics analysed")
            return tuple(found)
        rows = target.query(_sql("analysable"), (schemas, schemas))
        tables = [(qualified(schema_name, name), above) for schema_name, name, above in rows]
        found = []
        for stage in _STAGES:
            aim = "reset default_statistics_target" if stage is None else f"set default_statistics_target = {stage}"
            target.execute(aim)
            # Of what stands above others once is enough: it reads them all again.
            some = [name for name, above in tables if not above or stage is None]
            found = _analyze(target, some, deadline)
            on_step("statistics", f"analysed with target {stage or 'of the server'}")
        return tuple(found)


def _take(target: Database, statements: list[str], deadline: Deadline) -> list[Finding]:
    """Run what pg_dump wrote; a table that is not there (any more) has none."""
    failed: list[tuple[str, ServerError]] = []
    run = restore.Run(target, restore.Notes(None), deadline, failed)
    run.all(statements, schema.silent, "statistics")
    return [_finding(dump_text.shown(one), error) for one, error in failed if error.sqlstate not in ("42P01", "42703")]


def _analyze(target: Database, tables: list[str], deadline: Deadline) -> list[Finding]:
    found = []
    for name in tables:
        deadline.check()
        try:
            target.execute(f"analyze {name}")
        except ServerError as error:
            found.append(_finding(f"ANALYZE {name}", error))
    return found


def _finding(statement: str, error: ServerError) -> Finding:
    return Finding("statistics", Level.WARNING, Side.TARGET, f"no statistics: {error.message}", (), (statement,))


def _sql(name: str) -> str:
    return named_sql.load(__package__, "statistics.sql")[name].replace("{users_schema}", USERS_SCHEMA)
