"""Reading a workload: from a file, an export of pg_stat_statements, the view itself, the history, or one statement."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from postai.database import Database, ServerError, named_sql
from postai.errors import FeatureMissing, Refused, UsageError
from postai.history.types import StatementKey, StatementWindow
from postai.optimize.types import Skipped, Workload, WorkloadStatement
from postai.sql.parse import parse_one, split

MOST_STATEMENTS = 5000
"""Statements that are looked at, those with the highest total time."""

LONGEST_TEXT = 100_000
"""Bytes of a statement's text that is read from pg_stat_statements."""

CALLS_OF_ONE = 1000.0
"""Calls per day that are assumed of a statement of which nobody says how often it runs."""

SHORTEST_SPAN = 1.0 / 24
"""Days below which counters say too little of a day to be extended to one."""

NOT_LOADED, INSUFFICIENT_PRIVILEGE = "55000", "42501"

_HEADING = re.compile(r"^--\s*@id\s+(\S+)(.*)$")
_PARAMETERS = re.compile(r"^--\s*@params\s?(.*)$")


def read_workload(text: str, *, days: float = 1.0) -> Workload:
    """A workload from the text of a file, whatever its format.

    Formats: blocks that begin with `-- @id NAME calls=<calls per day>`, each with `-- @params literal | literal` lines
    (one line a parameter set) and one statement with $n; an export of pg_stat_statements as CSV with a heading or as
    JSON (an array of objects); or plain SQL statements, of which 1000 calls a day are assumed each.

    Args:
        text: content of the file.
        days: time that an export of pg_stat_statements covers.

    Raises:
        UsageError: the text has none of these formats.
    """
    beginning = text.lstrip()[:1]
    if _HEADING.search(text) or re.search(_HEADING.pattern, text, re.MULTILINE):
        return Workload(tuple(_blocks(text)), "file")
    if beginning in ("[", "{"):
        return _export(_json_rows(text), days)
    heading = text.lstrip().split("\n", 1)[0].lower()
    if "query" in re.split(r"[^a-z_]+", heading) and "calls" in heading:
        return _export(_csv_rows(text.lstrip()), days)
    try:
        statements = split(text)
    except Refused as error:
        hint = "Give SQL statements separated by semicolons, or an export of pg_stat_statements as CSV or JSON."
        raise UsageError("the workload file cannot be parsed", detail=error.message, hint=hint) from None
    return Workload(
        tuple(WorkloadStatement(str(n), sql, CALLS_OF_ONE) for n, sql in enumerate(statements, start=1)), "file"
    )


def unparsable(workload: Workload) -> dict[str, str]:
    """Why statements cannot be parsed, by their ids."""
    found = {}
    for one in workload.statements:
        try:
            parse_one(one.sql)
        except Refused as error:
            found[one.id] = error.message
    return found


def one_statement(sql: str, *, search_path: tuple[str, ...] = ()) -> Workload:
    """A workload of one statement, for which a nominal number of calls is assumed."""
    return Workload((WorkloadStatement("query", sql, CALLS_OF_ONE, search_path=search_path),), "query")


def read_pg_stat_statements(db: Database, *, most: int = MOST_STATEMENTS) -> Workload:
    """What pg_stat_statements has counted in the connected database.

    Raises:
        FeatureMissing: the extension is not installed, not loaded by the server, or the role may not read it.
    """
    blocks = named_sql.load(__package__, "workload.sql")
    installed = db.query(blocks["extension"])
    if not installed:
        raise FeatureMissing(
            "the extension pg_stat_statements is not installed in this database",
            hint="Add it to shared_preload_libraries, restart, then: CREATE EXTENSION pg_stat_statements.",
        )
    schema = installed[0][0]
    try:
        ((span,),) = db.query(blocks["span"].replace("{schema}", schema))
        rows = db.query(blocks["statements"].replace("{schema}", schema.replace("%", "%%")), (LONGEST_TEXT, most))
    except ServerError as error:
        if error.sqlstate == INSUFFICIENT_PRIVILEGE:
            role = db.query("select pg_catalog.quote_ident(current_user)")[0][0]
            raise FeatureMissing(
                f"the role {role} may not read pg_stat_statements",
                detail=error.message,
                hint=f"GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT pg_read_all_stats TO {role};",
            ) from None
        if error.sqlstate != NOT_LOADED:
            raise
    else:
        return _counted(rows, float(span))
    raise FeatureMissing(
        "the server has not loaded pg_stat_statements",
        hint="Add pg_stat_statements to shared_preload_libraries and restart the server.",
    )


def from_windows(windows: Iterable[StatementWindow], *, dbid: int, days: float) -> Workload:
    """A workload from the history.

    Args:
        windows: of `postai.history`, for all databases.
        dbid: oid of the database that is looked at.
        days: time that the windows cover.
    """
    sums: dict[StatementKey, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    texts: dict[StatementKey, str] = {}
    for one in windows:
        if one.key.dbid == dbid and one.calls:
            total = sums[one.key]
            total[0] += one.calls
            total[1] += one.total_ms
            total[2] += one.rows
            if one.query is not None:
                texts[one.key] = one.query
    statements: list[WorkloadStatement] = []
    skipped: list[Skipped] = []
    for key, (calls, total_ms, rows) in sorted(sums.items(), key=lambda item: -item[1][1]):
        if key not in texts:
            skipped.append(Skipped(str(key.queryid), "its text is not known"))
        elif len(statements) < MOST_STATEMENTS:
            statements.append(_statement(str(key.queryid), texts[key], calls, total_ms, rows, max(days, SHORTEST_SPAN)))
    return Workload(tuple(statements), "history", tuple(skipped))


def _statement(name: str, sql: str, calls: float, total_ms: float, rows: float, days: float) -> WorkloadStatement:
    return WorkloadStatement(name, sql, calls / days, total_ms / calls, rows_per_call=rows / calls)


def _counted(rows: Iterable[tuple[Any, ...]], span: float) -> Workload:
    statements = []
    skipped = []
    days = max(span, SHORTEST_SPAN)
    for queryid, query, calls, total_ms, returned, _ in rows:
        if query is None:
            skipped.append(Skipped(str(queryid), f"its text is longer than {LONGEST_TEXT} bytes or not known"))
        else:
            statements.append(_statement(str(queryid), query, calls, total_ms, returned, days))
    return Workload(tuple(statements), "pg_stat_statements", tuple(skipped))


def _blocks(text: str) -> Iterator[WorkloadStatement]:
    name, calls = "", 0.0
    parameters: list[tuple[str, ...]] = []
    lines: list[str] = []
    for number, line in enumerate([*text.splitlines(), "-- @id end"], start=1):
        heading = _HEADING.match(line)
        if heading:
            sql = "\n".join(lines).strip().removesuffix(";").rstrip()
            if name and sql:
                yield WorkloadStatement(name, sql, calls, parameters=tuple(parameters))
            name, parameters, lines = heading[1], [], []
            calls = _calls(heading[2], number)
        elif found := _PARAMETERS.match(line):
            parameters.append(tuple(_literals(found[1])))
        elif name and not line.startswith("--"):
            lines.append(line)


def _calls(words: str, line: int) -> float:
    options = dict(word.split("=", 1) for word in words.split() if "=" in word)
    text = options.get("calls", "1")
    try:
        calls = float(text)
    except ValueError:
        calls = -1.0
    if not 0 <= calls < float("inf"):
        raise UsageError(
            f"calls={text} is no number of calls", detail=f"Line {line}.", hint="Write calls=<calls per day>."
        )
    return calls


def _literals(text: str) -> Iterator[str]:
    """The literals of a `-- @params` line; a | inside quotes separates nothing."""
    current = ""
    quoted = False
    for letter in text:
        if letter == "'":
            quoted = not quoted
        if letter == "|" and not quoted and not current.endswith("|") and current[-1:].isspace():
            yield current.strip()
            current = ""
        else:
            current += letter
    if current.strip():
        yield current.strip()


def _json_rows(text: str) -> Iterable[Mapping[str, Any]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        hint = "Export pg_stat_statements with json_agg."
        raise UsageError("the workload file is no valid JSON", detail=str(error), hint=hint) from None
    rows = found if isinstance(found, list) else found.get("statements", ())
    if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
        raise UsageError("the JSON workload is no array of objects", hint="Export pg_stat_statements with json_agg.")
    return rows


def _csv_rows(text: str) -> Iterator[Mapping[str, Any]]:
    """The rows of an export; each has to be whole."""
    csv_hint = "Export it again, with COPY (SELECT ...) TO STDOUT (FORMAT csv, HEADER)."
    rows = csv.DictReader(io.StringIO(text), strict=True)
    try:
        for number, row in enumerate(rows, start=1):
            if None in row or None in row.values():
                detail = f"Row {number} has not as many values as the heading."
                raise UsageError("the CSV workload is not whole", detail=detail, hint=csv_hint)
            yield row
    except csv.Error as error:
        raise UsageError("the CSV workload is not whole", detail=f"{error}.", hint=csv_hint) from None


def _export(rows: Iterable[Mapping[str, Any]], days: float) -> Workload:
    statements = []
    skipped = []
    for number, row in enumerate(rows, start=1):
        query, name = row.get("query"), str(row.get("queryid") or number)
        try:
            calls = float(row.get("calls") or 0)
            total = float(row.get("total_exec_time") or 0) or float(row.get("mean_exec_time") or 0) * calls
            returned = float(row.get("rows") or 0)
        except (TypeError, ValueError):
            raise UsageError(
                f"row {number} of the export holds something that is no number",
                hint="Export queryid, query, calls, total_exec_time, mean_exec_time and rows of pg_stat_statements.",
            ) from None
        if not query or calls <= 0:
            skipped.append(Skipped(name, "it has no text" if not query else "it was never called"))
        else:
            statement = _statement(name, str(query), calls, total, returned, days)
            if total <= 0:
                statement = WorkloadStatement(name, str(query), calls / days, rows_per_call=returned / calls)
            statements.append(statement)
    if not statements and not skipped:
        raise UsageError("the workload file holds no statement")
    return Workload(tuple(statements), "pg_stat_statements", tuple(skipped))
