"""What a person typed: run read-only, explained, or compared, on a connection of that person's own role.

Whoever types SQL has the rights of their role and no more; nothing here adds one. A statement runs in a transaction
that is READ ONLY and rolled back, through a cursor, with a limit of rows and of time. What such a transaction would not
stop is refused before (`postai.sql.own`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import postgast

from postai.ask.explaining import is_statement
from postai.database import Database, named_sql
from postai.errors import Refused, UsageError
from postai.sql.definitions import definitions
from postai.sql.hazards import allowed_entries
from postai.sql.own import WRITES, check_own, for_people
from postai.sql.parse import parse, plain_text
from postai.sql.plan import PlanFinding, read_plan
from postai.sql.plan_compare import NodeFigures, NodePair, compare, figures
from postai.sql.plan_tree import read_tree
from postai.sql.safety import Safety, load_safety

MOST_ROWS = 10_000
MOST_SECONDS = 300
MOST_CHARACTERS = 16_000_000
"""Of one result: it is kept whole in the memory of whoever serves it."""
ROW_CHARACTERS = 1_000_000
CELL_CHARACTERS = 100_000
MOST_PARAMETERS = 100
BATCH = 25
"""Rows that are fetched at a time: so far can a result be beyond its limit before that is seen."""
READING = frozenset({"SELECT", "VALUES", "TABLE", "SHOW"})
EXPLAINABLE = frozenset({"SELECT", "VALUES", "TABLE"}) | WRITES
WRITER_SECONDS = 10
"""Most that a statement that writes may take: it holds its locks until it is rolled back."""

__all__ = [
    "Limits",
    "NamesSeen",
    "Plan",
    "PlanPair",
    "Rows",
    "compare_plans",
    "explain",
    "is_statement",
    "judge",
    "names",
    "parameter_count",
    "run",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one statement may take.

    Attributes:
        rows: most rows that are fetched, up to `MOST_ROWS`.
        seconds: after which the server ends it, up to `MOST_SECONDS`.
    """

    rows: int = 500
    seconds: float = 30

    def __post_init__(self) -> None:
        if not (1 <= self.rows <= MOST_ROWS and 0 < self.seconds <= MOST_SECONDS):
            raise UsageError(f"a statement may give 1 to {MOST_ROWS} rows and take up to {MOST_SECONDS} s")


@dataclass(frozen=True, slots=True)
class Rows:
    """What a statement gave.

    Attributes:
        statement: as it ran.
        columns, types: names, and types as the server names them.
        numeric: of each column, whether it holds numbers.
        rows: values as the server writes them; None = NULL.
        more: whether there were more rows than the limit, of rows or of characters.
        elapsed_ms: on the server's clock.
        full: whether it was the limit of characters that ended it.
        cut: how many values were cut; of each the first characters are there.
    """

    statement: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str | None, ...], ...]
    more: bool
    elapsed_ms: float
    full: bool = False
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement's plan.

    Attributes:
        statement: as it was planned.
        analyzed: whether it ran.
        json: EXPLAIN (FORMAT JSON) as the server wrote it.
        nodes: with their figures, in print order.
        findings: the plan in words.
        generic: whether it is the plan for values that are not known, as some `$n` had none.
    """

    statement: str
    analyzed: bool
    json: str
    nodes: tuple[NodeFigures, ...]
    findings: tuple[PlanFinding, ...]
    generic: bool = False


@dataclass(frozen=True, slots=True)
class PlanPair:
    """Two plans and their nodes beside each other."""

    left: Plan
    right: Plan
    pairs: tuple[NodePair, ...]


@dataclass(frozen=True, slots=True)
class NamesSeen:
    """What completion offers: relations that the role may read, with their columns.

    Attributes:
        schemas: name of a schema -> relation -> columns.
        visible: relations that need no schema, by search_path.
    """

    schemas: dict[str, dict[str, tuple[str, ...]]]
    visible: tuple[str, ...]


class _RolledBack(Exception):
    pass


def judge(database: Database, before: Safety | None = None) -> Safety:
    """What statements of this moment are judged by: the catalog; `before` again where nothing in it has changed."""
    if before is not None and definitions(database).partition(" ")[2] == before.definitions.partition(" ")[2]:
        return before
    return for_people(load_safety(database))


def run(
    database: Database,
    text: str,
    parameters: Sequence[str | None] = (),
    limits: Limits | None = None,
    safety: Safety | None = None,
) -> Rows:
    """Run one reading statement.

    Args:
        database: a connection of the person's own role.
        text: one SELECT, VALUES, TABLE or SHOW; `$1` marks a parameter.
        parameters: their values in text form, sent apart from the statement.
        limits: of rows and time.
        safety: what `judge` gave just now; None = it is asked here.

    Raises:
        Refused: it is not one reading statement, or could run a function that does more than look.
        UsageError: parameters are missing.
        ServerError: what the server says of it.
    """
    limits = limits or Limits()
    statement, kind = _one(text, READING, "reads rows")
    if kind != "SHOW":
        _check(database, statement, safety)
    with _transaction(database, limits.seconds, read_only=True):
        ((began,),) = database.query("select pg_catalog.clock_timestamp()")
        if kind == "SHOW":
            told = database.query_text(statement)
            shape, found = told.columns, _Found(list(told.rows))
        else:
            bound, values = _bound(statement, parameters)
            database.execute(f"declare postai_console no scroll cursor without hold for {bound}", values)
            shape = database.query_text("fetch 0 from postai_console").columns
            found = _fetched(database, bound, values, len(shape), limits.rows)
        ((elapsed,),) = database.query("select extract(epoch from pg_catalog.clock_timestamp() - %s)", [began])
        types, numeric = _types(database, [oid for _, oid in shape])
    names_of = tuple(name for name, _ in shape)
    rows = tuple(found.rows[: limits.rows])
    more = found.full or len(found.rows) > limits.rows
    return Rows(statement, names_of, types, numeric, rows, more, float(elapsed) * 1000, found.full, found.cut)


@dataclass(slots=True)
class _Found:
    rows: list[tuple[str | None, ...]]
    full: bool = False
    cut: int = 0


def _fetched(database: Database, bound: str, values: Sequence[str | None], columns: int, most: int) -> _Found:
    """The rows of a statement, one more than `most`, and no more of them than may be kept in memory.

    The server cuts long values: a driver takes a row whole, and one row may have a gigabyte. `concat` writes a value
    as its type's output function does, which a cast to text does not (booleans, character(n)).
    """
    longest = min(CELL_CHARACTERS, ROW_CHARACTERS // max(columns, 1))
    if columns:
        names = ", ".join(f"c{place}" for place in range(columns))
        cells = ", ".join(
            f"case when c{place} is distinct from null"
            f" then pg_catalog.left(pg_catalog.concat(c{place}), {longest + 1}) end"
            for place in range(columns)
        )
        bound = f"select {cells} from (\n{bound}\n) as r ({names})"  # noqa: S608  (one statement, parsed)
    database.execute(f"declare postai_rows no scroll cursor without hold for {bound}", values)
    found, size = _Found([]), 0
    while len(found.rows) <= most:
        if size > MOST_CHARACTERS:
            found.full = True
            break
        wanted = min(BATCH, most + 1 - len(found.rows))
        rows = database.query_text(f"fetch forward {wanted} from postai_rows").rows
        for row in rows:
            size += sum(len(value) for value in row if value is not None)
            found.cut += sum(1 for value in row if value is not None and len(value) > longest)
            found.rows.append(tuple(value if value is None else value[:longest] for value in row))
        if len(rows) < wanted:
            break
    return found


def explain(
    database: Database,
    text: str,
    parameters: Sequence[str | None] = (),
    *,
    analyze: bool = False,
    writes: bool = False,
    limits: Limits | None = None,
    safety: Safety | None = None,
) -> Plan:
    """Plan one statement; with `analyze` also run it, in a transaction that is rolled back.

    What a statement that writes does outside of its transaction stays done: sequences move on, and triggers may do
    anything that the role may. It holds its locks until it is rolled back, after `WRITER_SECONDS` at the latest.

    Args:
        database, text, parameters, limits, safety: as for `run`; the statement may also be one that writes.
        analyze: whether it is run.
        writes: whether it may be run although it writes.

    Raises:
        Refused: as for `run`; or it writes, and `writes` does not say that it may.
    """
    limits = limits or Limits()
    statement, kind = _one(text, EXPLAINABLE, "can be explained")
    seconds = min(limits.seconds, WRITER_SECONDS) if kind in WRITES else limits.seconds
    if analyze and kind in WRITES and not writes:
        raise Refused(
            f"Explain analyze would run this {kind}, and roll it back",
            detail=f"It holds its locks for up to {WRITER_SECONDS} s; sequences move on, triggers run.",
            hint='Explain alone runs nothing. To run it, tick that it may write (API: "writes": true).',
        )
    if analyze:
        _check(database, statement, safety)
    # EXPLAIN takes EXECUTE with values, or the statement itself: CREATE TABLE AS has no generic plan.
    generic = not analyze and kind != "CREATE TABLE AS" and parameter_count(statement) > len(parameters)
    bound, values = (statement, []) if generic else _bound(statement, parameters)
    options = "analyze, buffers, verbose, settings, format json" if analyze else "verbose, settings, format json"
    with _transaction(database, seconds, read_only=not analyze or kind not in WRITES):
        if generic:
            written = _generic(database, options, statement)
        else:
            written = database.query_text(f"explain ({options}) {bound}", values).rows
    text_of = "\n".join(line or "" for (line,) in written)
    plan: Any = json.loads(text_of)
    return Plan(statement, analyze, text_of, figures(read_tree(plan)), read_plan(plan), generic)


def _generic(database: Database, options: str, statement: str) -> tuple[tuple[str | None, ...], ...]:
    """The plan for values that are not known."""
    database.query("select pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true)")
    database.execute(f"prepare postai_plan as {statement}")
    try:
        nulls = ", ".join(["null"] * parameter_count(statement))
        with database.transaction():  # a savepoint: a failure ends there
            return database.query_text(f"explain ({options}) execute postai_plan({nulls})").rows
    finally:
        database.execute("deallocate postai_plan")


def compare_plans(left: Plan, right: Plan) -> PlanPair:
    """Both plans with their nodes beside each other."""
    trees = (read_tree(json.loads(one.json)) for one in (left, right))
    return PlanPair(left, right, compare(*trees))


def names(database: Database) -> NamesSeen:
    """Relations and columns that the connection's role may read."""
    rows = database.query(named_sql.load(__package__, "console.sql")["names"])
    schemas: dict[str, dict[str, tuple[str, ...]]] = {}
    for schema, relation, columns, _ in rows:
        schemas.setdefault(schema, {})[relation] = tuple(columns)
    return NamesSeen(schemas, tuple(relation for _, relation, _, visible in rows if visible))


def parameter_count(text: str) -> int:
    """The highest `$n` of a statement, at most `MOST_PARAMETERS`; 0 = none, or it is no statement."""
    if not is_statement(text):
        return 0
    return min(max((number for _, _, number in _places(text)), default=0), MOST_PARAMETERS)


def _one(text: str, allowed: frozenset[str], what: str) -> tuple[str, str]:
    if text.lstrip().startswith("\\"):
        raise Refused("commands of psql do not run here", hint="Write SQL. Tables and their columns are under Schema.")
    statements = parse(text)
    if len(statements) != 1:
        raise Refused(
            f"these are {len(statements)} statements" if statements else "there is no statement",
            hint="Run one at a time; transactions are begun and ended by the dashboard.",
        )
    kind = statements[0].statement_class
    if kind not in allowed:
        hint = "Take EXPLAIN away and press Explain." if kind == "EXPLAIN" else "Changes are proposals: see Migrations."
        raise Refused(f"{kind} is not a statement that {what}", detail="Only that runs here.", hint=hint)
    return plain_text(statements[0]), kind


def _check(database: Database, statement: str, safety: Safety | None) -> None:
    sql = named_sql.load(__package__, "console.sql")
    ((path, has_settings),) = database.query(sql["session"])
    rows = database.query(sql["allowed"]) if has_settings else []
    allowed = allowed_entries(rows[0][0] or "") if rows else frozenset()
    check_own(statement, safety or judge(database), search_path=path, allowed_functions=allowed)


@contextmanager
def _transaction(database: Database, seconds: float, *, read_only: bool) -> Iterator[None]:
    try:
        with database.transaction():
            if read_only:
                database.execute("set transaction read only")
            database.query("select pg_catalog.set_config('statement_timeout', %s, true)", [f"{seconds * 1000:.0f}"])
            yield
            raise _RolledBack
    except _RolledBack:
        return


def _places(statement: str) -> list[tuple[int, int, int]]:
    """Begin, end (bytes) and number of each `$n`."""
    data = statement.encode()
    tokens = [(one.start, one.end, data[one.start : one.end]) for one in postgast.scan(statement).tokens]
    return [(start, end, int(own[1:])) for start, end, own in tokens if own[:1] == b"$" and own[1:].isdigit()]


def _bound(statement: str, parameters: Sequence[str | None]) -> tuple[str, list[str | None]]:
    """The statement with the drivers' placeholders, and the values that it uses; what stands twice is one parameter."""
    places = _places(statement)
    missing = sorted({number for _, _, number in places if not 1 <= number <= len(parameters)})
    if missing:
        raise UsageError(
            f"there is no value for {', '.join(f'${number}' for number in missing)}", hint="Fill its field."
        )
    if not places:
        return statement, []
    used = sorted({number for _, _, number in places})
    data, at, parts = statement.encode(), 0, []
    for start, end, number in places:
        parts += [data[at:start].replace(b"%", b"%%"), b"%%(%d)s" % (used.index(number) + 1)]
        at = end
    text = b"".join([*parts, data[at:].replace(b"%", b"%%")]).decode()
    return text, [parameters[number - 1] for number in used]


def _types(database: Database, oids: list[int]) -> tuple[tuple[str, ...], tuple[bool, ...]]:
    if not oids:
        return (), ()
    rows = database.query(named_sql.load(__package__, "console.sql")["types"], [oids])
    return tuple(name for name, _ in rows), tuple(bool(numeric) for _, numeric in rows)
