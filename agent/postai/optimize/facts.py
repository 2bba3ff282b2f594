"""What the index advisor knows of the tables of a workload, beside the catalog: sizes, values, collations, writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from postai.database import Database, named_sql
from postai.database.catalog_types import Catalog, Table
from postai.database.upkeep import counted_since
from postai.optimize.statistics import (
    ColumnFacts,
    PlannerSettings,
    TableStatistics,
    read_planner_settings,
    read_statistics,
)

DAY = 86400.0


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


@dataclass
class Facts:
    """What is known so far of the tables that a run looks at.

    Attributes:
        catalog: the picture of the database.
        settings: the planner's prices.
        extensions: name -> quoted schema.
        statistics: by oid of the table.
        sorted_by_bytes: (oid, column) of text columns in collation "C".
        counters: by oid; only where the counters have counted for at least a day.
        values: by oid and column; of columns that were asked for.
    """

    catalog: Catalog
    settings: PlannerSettings
    extensions: Mapping[str, str]
    statistics: dict[int, TableStatistics] = field(default_factory=dict)
    sorted_by_bytes: set[tuple[int, str]] = field(default_factory=set)
    counters: dict[int, Counters] = field(default_factory=dict)
    values: dict[tuple[int, str], Values] = field(default_factory=dict, repr=False)

    def of(self, table: Table) -> TableStatistics:
        """Statistics of a table; zeros when it is gone or not readable."""
        return self.statistics.get(table.oid) or TableStatistics(table.oid, 0.0, 0.0)

    def column(self, table: Table, name: str) -> ColumnFacts:
        """Facts of a column."""
        return self.of(table).columns.get(name) or ColumnFacts(name, "unknown")

    def learn(self, db: Database, oids: Iterable[int]) -> None:
        """Read what is not known yet of these tables."""
        wanted = sorted(set(oids) - self.statistics.keys())
        if not wanted:
            return
        blocks = named_sql.load(__package__, "facts.sql")
        self.statistics.update(read_statistics(db, wanted))
        self.sorted_by_bytes.update((oid, name) for oid, name in db.query(blocks["sorted_by_bytes"], (wanted,)))
        days = counted_since(db)[1] / DAY
        if days >= 1:
            for oid, inserted, updated, hot, deleted in db.query(blocks["write_counters"], (wanted,)):
                share = hot / updated if updated else None
                self.counters[oid] = Counters(inserted / days, updated / days, deleted / days, share)

    def learn_values(self, db: Database, columns: Iterable[tuple[int, str]]) -> None:
        """Read the values of some columns (oid of the table, name)."""
        wanted = set(columns) - self.values.keys()
        if not wanted:
            return
        oids, names = sorted({oid for oid, _ in wanted}), sorted({name for _, name in wanted})
        for oid, name, common, shares, between in db.query(
            named_sql.load(__package__, "facts.sql")["values"], (oids, names)
        ):
            if (oid, name) in wanted:
                pairs = tuple(zip(common or (), shares or (), strict=False))
                self.values[oid, name] = Values(pairs, tuple(between or ()))
        for one in wanted:
            self.values.setdefault(one, Values())


def read_extensions(db: Database) -> dict[str, str]:
    """Those installed extensions that matter here: name -> quoted schema."""
    return dict(db.query(named_sql.load(__package__, "facts.sql")["extensions"]))


def first_facts(db: Database, catalog: Catalog, extensions: Mapping[str, str]) -> Facts:
    """Facts of no table yet."""
    return Facts(catalog, read_planner_settings(db), extensions)
