"""What the index advisor knows of the tables of a workload, beside the catalog: sizes, values, collations, writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from postai.database import Database, named_sql
from postai.database.catalog_types import Catalog, Table
from postai.optimize.statistics import (
    ColumnFacts,
    PlannerSettings,
    TableStatistics,
    read_planner_settings,
    read_statistics,
)


@dataclass(frozen=True)
class Values:
    """Values of a column as text; the statistics' own, so as secret as those.

    Attributes:
        common: the most common values, most common first, with the share of the rows of each.
        between: values between the others, in order.
    """

    common: tuple[tuple[str, float], ...] = ()
    between: tuple[str, ...] = ()


@dataclass(frozen=True)
class Counters:
    """Rows written to a table per day, by its counters; `hot_share` of the updates were heap-only."""

    inserted: float = 0.0
    updated: float = 0.0
    deleted: float = 0.0
    hot_share: float | None = None


@dataclass(frozen=True)
class Facts:
    """Everything of the tables that a run looks at.

    Attributes:
        catalog: the picture of the database.
        statistics: by oid of the table.
        sorted_by_bytes: (oid, column) of text columns in collation "C".
        counters: by oid; only where the statistics are at least a day old.
        settings: the planner's prices.
        extensions: name -> quoted schema.
    """

    catalog: Catalog
    settings: PlannerSettings
    extensions: Mapping[str, str]
    statistics: Mapping[int, TableStatistics] = field(default_factory=dict)
    sorted_by_bytes: frozenset[tuple[int, str]] = frozenset()
    counters: Mapping[int, Counters] = field(default_factory=dict)
    values: Mapping[tuple[int, str], Values] = field(default_factory=dict, repr=False)

    def of(self, table: Table) -> TableStatistics:
        """Statistics of a table; zeros when it is gone or not readable."""
        return self.statistics.get(table.oid) or TableStatistics(table.oid, 0.0, 0.0)

    def column(self, table: Table, name: str) -> ColumnFacts:
        """Facts of a column."""
        return self.of(table).columns.get(name) or ColumnFacts(name, "unknown")


def read_extensions(db: Database) -> dict[str, str]:
    """Those installed extensions that matter here: name -> quoted schema."""
    return dict(db.query(named_sql.load(__package__, "facts.sql")["extensions"]))


def read_facts(db: Database, catalog: Catalog, extensions: Mapping[str, str], oids: Iterable[int]) -> Facts:
    """The facts of some tables, in a handful of queries."""
    blocks = named_sql.load(__package__, "facts.sql")
    wanted = sorted(set(oids))
    counters = {}
    for oid, inserted, updated, hot, deleted, seconds in db.query(blocks["write_counters"], (wanted,)):
        if seconds is not None and seconds >= 86400:
            days = seconds / 86400
            share = hot / updated if updated else None
            counters[oid] = Counters(inserted / days, updated / days, deleted / days, share)
    return Facts(
        catalog=catalog,
        settings=read_planner_settings(db),
        extensions=extensions,
        statistics=read_statistics(db, wanted),
        sorted_by_bytes=frozenset((oid, name) for oid, name in db.query(blocks["sorted_by_bytes"], (wanted,))),
        counters=counters,
    )


def read_values(db: Database, columns: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Values]:
    """Values of some columns (oid of the table, name), for parameters whose values nobody knows."""
    wanted = set(columns)
    if not wanted:
        return {}
    oids, names = sorted({oid for oid, _ in wanted}), sorted({name for _, name in wanted})
    rows = db.query(named_sql.load(__package__, "facts.sql")["values"], (oids, names))
    return {
        (oid, name): Values(tuple(zip(common or (), freqs or (), strict=False)), tuple(between or ()))
        for oid, name, common, freqs, between in rows
        if (oid, name) in wanted
    }
