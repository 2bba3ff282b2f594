"""Plain values of the advisors: the workload they look at, and what they recommend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from postai.database.identifiers import qualified, quote_ident

Source = Literal["pg_stat_statements", "history", "file", "query"]
Severity = Literal["HIGH", "MEDIUM", "LOW"]
EstimatedBy = Literal["planner", "model", "catalog"]
"""Who says what it saves: PostgreSQL's planner (with a hypothetical index, or a real one on an empty copy), a formula
of ours where the planner cannot be asked, or nothing but the system catalogs and counters."""


@dataclass(frozen=True)
class WorkloadStatement:
    """One statement of a workload.

    Attributes:
        id: its name in reports: the id of a file, or the queryid.
        sql: one statement, with $n in the place of parameters, or with constants.
        calls_per_day: how often it runs.
        mean_ms: measured execution time of one call; None = not measured.
        parameters: known parameter sets, each a tuple of SQL literals for $1, $2, ...
        role: who runs it; None = the connected role.
        search_path: schemas in which its names are looked up; () = the session's.
        rows_per_call: rows that one call returned or touched; None = not measured.
    """

    id: str
    sql: str
    calls_per_day: float
    mean_ms: float | None = None
    parameters: tuple[tuple[str, ...], ...] = ()
    role: str | None = None
    search_path: tuple[str, ...] = ()
    rows_per_call: float | None = None


@dataclass(frozen=True)
class Skipped:
    """A statement that could not be considered, and why, in one sentence for people."""

    id: str
    reason: str


@dataclass(frozen=True)
class Workload:
    """What the database is asked, per day."""

    statements: tuple[WorkloadStatement, ...]
    source: Source
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class Effect:
    """What a recommendation does for one statement.

    Attributes:
        before_ms, after_ms: estimated time of one call.
        before_cost, after_cost: planner's cost; None = estimated without it.
    """

    id: str
    calls_per_day: float
    before_ms: float
    after_ms: float
    before_cost: float | None = None
    after_cost: float | None = None

    @property
    def saved_ms_per_day(self) -> float:
        return (self.before_ms - self.after_ms) * self.calls_per_day


@dataclass(frozen=True)
class Recommendation:
    """One thing to do, by any advisor.

    Attributes:
        kind: what sort, one lower-case word: "create_index", "drop_index", "reindex", "vacuum", "analyze",
            "autovacuum", "repack", "archive", "compression", "statistics", "setting", "sequence" ...
        object: schema-qualified, quoted name of what it is about (the table of a new index).
        title: one line, at most 200 characters.
        why: a few sentences for people.
        statement: the SQL to run; "" = advice that people have to follow by hand.
        undo: the statement that leads back; None = cannot be undone or needs no undo.
        comment: a COMMENT ON statement that belongs to it; None = none.
        saved_ms_per_day: time that statements will take less.
        write_ms_per_day: time that writes will take more (negative: less).
        bytes: disk space that it takes (negative: frees).
        severity: by impact, see `postai.optimize.severity`.
        estimated_by: who says so.
        effects: per statement, the largest first.
        replaces: qualified names of existing indexes that become superfluous with it.
        evidence: what the judgement rests on, as JSON.
    """

    kind: str
    object: str
    title: str
    why: str
    statement: str
    undo: str | None = None
    comment: str | None = None
    saved_ms_per_day: float = 0.0
    write_ms_per_day: float = 0.0
    bytes: int = 0
    severity: Severity = "LOW"
    estimated_by: EstimatedBy = "catalog"
    effects: tuple[Effect, ...] = ()
    replaces: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def net_ms_per_day(self) -> float:
        return self.saved_ms_per_day - self.write_ms_per_day


@dataclass(frozen=True)
class Advice:
    """What the advisors came to.

    Attributes:
        recommendations: the most valuable first.
        skipped: statements that could not be considered.
        notes: sentences about what was not known or not done (no HypoPG, the time was over, ...).
        seconds: how long it took.
        complete: whether there was time for everything: what is not recommended is not worth it.
    """

    recommendations: tuple[Recommendation, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    complete: bool = True


@dataclass(frozen=True)
class IndexKey:
    """One key of an index.

    Attributes:
        expression: SQL text: a quoted column name, or an expression (without the outer parentheses).
        column: name of the column, unquoted; None for an expression.
        opclass: operator class, qualified and quoted where that is needed; None = the default of the type.
        collation: quoted collation; None = the column's.
        descending, nulls_first: order; nulls_first None = the default of the direction.
    """

    expression: str
    column: str | None
    opclass: str | None = None
    collation: str | None = None
    descending: bool = False
    nulls_first: bool | None = None


@dataclass(frozen=True)
class IndexDefinition:
    """An index that does not exist yet.

    Attributes:
        schema, table: of the table, unquoted; table_oid its oid.
        keys: in order.
        include: columns of INCLUDE, unquoted.
        where: predicate of a partial index, SQL text.
        method: btree, hash, brin, gin or gist.
    """

    schema: str
    table: str
    table_oid: int
    keys: tuple[IndexKey, ...]
    include: tuple[str, ...] = ()
    where: str | None = None
    method: str = "btree"
    _hash: int = field(init=False, repr=False, compare=False)
    _order: tuple[str, str] | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        parts = (self.table_oid, self.keys, self.include, self.where, self.method)
        object.__setattr__(self, "_hash", hash(parts))  # the search asks for it very often, as for the order

    def __hash__(self) -> int:
        return self._hash

    @property
    def order(self) -> tuple[str, str]:
        """What puts indexes in the same order in every run."""
        if self._order is None:
            object.__setattr__(self, "_order", (self.schema, self.body()))
        assert self._order is not None
        return self._order

    def body(self) -> str:
        """From ON to the end: `ON shop.orders USING btree (customer_id, created_at DESC) WHERE ...`."""
        keys = ", ".join(_key(one) for one in self.keys)
        include = f" INCLUDE ({', '.join(quote_ident(one) for one in self.include)})" if self.include else ""
        where = f" WHERE {self.where}" if self.where else ""
        using = "" if self.method == "btree" else f" USING {self.method}"
        return f"ON {qualified(self.schema, self.table)}{using} ({keys}){include}{where}"

    def statement(self, name: str, *, concurrently: bool = True) -> str:
        """The CREATE INDEX statement; `name` unquoted, the index lies in the table's schema."""
        how = " CONCURRENTLY" if concurrently else ""
        return f"CREATE INDEX{how} {quote_ident(name)} {self.body()}"


def by_text(index: IndexDefinition) -> tuple[str, str]:
    """Sort key that puts indexes in the same order in every run."""
    return index.order


def _key(key: IndexKey) -> str:
    text = key.expression if key.column is not None else f"({key.expression})"
    if key.collation:
        text += f" COLLATE {key.collation}"
    if key.opclass:
        text += f" {key.opclass}"
    if key.descending:
        text += " DESC"
    if key.nulls_first is not None and key.nulls_first != key.descending:
        text += " NULLS FIRST" if key.nulls_first else " NULLS LAST"
    return text


@dataclass(frozen=True)
class AdvisorOptions:
    """Limits of the index advisor.

    Attributes:
        budget_bytes: most that all new indexes together may take; None = half of what the tables take.
        byte_price: what a megabyte of index must save to be worth having, in milliseconds per day (the lambda of the
            objective).
        seconds: hard limit of the whole advice.
        minimum_saving: share of the workload's time below which an index is not worth a proposal.
        hypothetical: whether HypoPG may be used where it is installed.
    """

    budget_bytes: int | None = None
    byte_price: float = 15.0
    seconds: float = 20.0
    minimum_saving: float = 0.0001
    hypothetical: bool = True
